// A notifier as the server drives it: the library, loaded, and an instance made by its descriptor, with a punctual_host that
// reads settings from a map and lets the test answer requests. One thread at a time.
#pragma once

#include <dlfcn.h>

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/notifier.h"

namespace punctual::testing {

// The texts of an event that a notifier is told of.
struct EventTexts {
  std::string id = "0190a000-0000-7000-8000-000000000001";
  std::string kind = "task.failed";
  std::string organization = "acme";
  std::string task_id = "0190a000-0000-7000-8000-000000000002";
  std::string task_name = "nightly report";
  std::string task_url = "https://reports.example.com/run";
  std::string execution_id = "0190a000-0000-7000-8000-000000000003";
  std::string message = "\"nightly report\" has failed after 3 attempts: HTTP 500";
  std::int64_t occurred_at_ms = 1777636800000;  // 2026-05-01 12:00:00 UTC
  std::string json = "{\"event\":\"task.failed\"}";
  std::string channel = "on call";
  std::string subject = "nightly report";
  std::string detail;
  std::int64_t since_ms = 1777636500000;  // 5 minutes before
  std::string task_method = "POST";
  std::string execution_status = "failed";
  std::int32_t status_code = 500;
  std::int32_t attempt = 3;
  std::string error_message = "HTTP 500";
  std::string response_body = "no space left on device";
  std::string link = "https://punctual.example.com/api/v1/executions/0190a000-0000-7000-8000-000000000003";
  std::int64_t count = 1;

  // Valid as long as this is and stays as it is.
  [[nodiscard]] punctual_event as_event() const {
    punctual_event out{};
    out.struct_size = sizeof out;
    out.id = id.c_str();
    out.kind = kind.c_str();
    out.organization = organization.c_str();
    out.task_id = task_id.c_str();
    out.task_name = task_name.c_str();
    out.task_url = task_url.c_str();
    out.execution_id = execution_id.c_str();
    out.message = message.c_str();
    out.occurred_at_ms = occurred_at_ms;
    out.json = json.c_str();
    out.channel = channel.c_str();
    out.subject = subject.c_str();
    out.detail = detail.c_str();
    out.since_ms = since_ms;
    out.task_method = task_method.c_str();
    out.execution_status = execution_status.c_str();
    out.status_code = status_code;
    out.attempt = attempt;
    out.error_message = error_message.c_str();
    out.response_body = response_body.c_str();
    out.link = link.c_str();
    out.count = count;
    return out;
  }

  // One that has to do with no task: a queue, a quota, a host, a test.
  [[nodiscard]] static EventTexts without_task(std::string kind, std::string message) {
    EventTexts out;
    out.kind = std::move(kind);
    out.message = std::move(message);
    for (auto* text : {&out.task_id, &out.task_name, &out.task_url, &out.execution_id, &out.subject, &out.task_method,
                       &out.execution_status, &out.error_message, &out.response_body, &out.link}) {
      text->clear();
    }
    out.since_ms = 0;
    out.status_code = 0;
    out.attempt = 0;
    return out;
  }
};

struct SentRequest {
  std::string method;
  std::string url;
  std::string headers;  // "Name: value\r\n", …
  std::string body;
  std::int64_t timeout_ms = 0;

  // Of the header written exactly so; "": there is none.
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto lines = "\r\n" + headers;
    const auto begin = lines.find("\r\n" + name + ": ");
    if (begin == std::string::npos) return {};
    const auto value = begin + name.size() + 4;
    return lines.substr(value, lines.find("\r\n", value) - value);
  }
};

struct Answer {
  int status = 200;
  std::string body;
  std::string error;  // with status 0
  std::int64_t retry_after_ms = 0;
  bool blocked = false;
};

using Settings = std::map<std::string, std::string>;  // as punctual_host::setting gives them, by whole names

class NotifierLibrary {
 public:
  explicit NotifierLibrary(const char* file) : handle_(::dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
    INFO(::dlerror());
    REQUIRE(handle_ != nullptr);
    const auto entry = reinterpret_cast<const punctual_plugin* (*)()>(::dlsym(handle_, PUNCTUAL_PLUGIN_SYMBOL));
    REQUIRE(entry != nullptr);
    plugin_ = entry();
  }
  ~NotifierLibrary() { ::dlclose(handle_); }
  NotifierLibrary(const NotifierLibrary&) = delete;
  NotifierLibrary& operator=(const NotifierLibrary&) = delete;

  [[nodiscard]] const punctual_plugin& plugin() const { return *plugin_; }
  [[nodiscard]] const punctual_notifier_v1& operations() const {
    return *static_cast<const punctual_notifier_v1*>(plugin_->operations);
  }

 private:
  void* handle_;
  const punctual_plugin* plugin_ = nullptr;
};

class NotifierInstance {
 public:
  // `settings`: over the defaults, durations in milliseconds. What create leaves in its error is in failure().
  NotifierInstance(const NotifierLibrary& library, Settings settings)
      : library_(library), settings_(std::move(settings)) {
    for (std::size_t i = 0; i < library.plugin().settings_count; ++i) {
      const auto& declared = library.plugin().settings[i];
      settings_.emplace(declared.name, as_given(declared));
    }
    host_.struct_size = sizeof host_;
    host_.self = this;
    host_.log = [](void* self, std::int32_t, const char* text) {
      static_cast<NotifierInstance*>(self)->log_ += std::string(text) + '\n';
    };
    host_.setting = [](void* self, const char* name) -> const char* {
      const auto& known = static_cast<NotifierInstance*>(self)->settings_;
      const auto found = known.find(name);
      return found == known.end() ? nullptr : found->second.c_str();
    };
    host_.http = [](void* self, const punctual_http_request* request, punctual_http_response* response) {
      return static_cast<NotifierInstance*>(self)->send(*request, *response);
    };
    char error[1024] = {};
    instance_ = library.plugin().create("{}", &host_, error, sizeof error);
    failure_ = error;
  }
  ~NotifierInstance() {
    if (instance_ != nullptr) library_.plugin().destroy(instance_);
  }
  NotifierInstance(const NotifierInstance&) = delete;
  NotifierInstance& operator=(const NotifierInstance&) = delete;

  [[nodiscard]] bool made() const { return instance_ != nullptr; }
  [[nodiscard]] const std::string& failure() const { return failure_; }

  // What notify returns; its error text is in failure().
  punctual_notify_result notify(const EventTexts& texts) {
    INFO(failure_);
    REQUIRE(instance_ != nullptr);
    const auto event = texts.as_event();
    char error[1024] = {};
    const auto result = library_.operations().notify(instance_, &event, error, sizeof error);
    failure_ = error;
    return static_cast<punctual_notify_result>(result);
  }

  // For the next requests; after them 200.
  void answer(Answer answer) { answers_.push_back(std::move(answer)); }
  // Sends what the notifier wants sent; without, the answers above are given.
  std::function<Answer(const SentRequest&)> transport;
  [[nodiscard]] const std::vector<SentRequest>& requests() const { return requests_; }
  [[nodiscard]] const std::string& log() const { return log_; }

 private:
  static std::string as_given(const punctual_setting& declared) {
    std::string value = declared.default_value;
    if (declared.type == PUNCTUAL_DURATION && value.ends_with('s')) return value.substr(0, value.size() - 1) + "000";
    return value;
  }

  std::int32_t send(const punctual_http_request& request, punctual_http_response& response) {
    requests_.push_back({request.method, request.url, request.headers == nullptr ? "" : request.headers,
                         request.body == nullptr ? "" : std::string(request.body, request.body_size),
                         request.timeout_ms});
    Answer answer;
    if (transport) {
      answer = transport(requests_.back());
    } else if (!answers_.empty()) {
      answer = answers_.front();
      answers_.pop_front();
    }
    response.status = answer.status;
    response.blocked = answer.blocked ? 1 : 0;
    response.retry_after_ms = answer.retry_after_ms;
    response.error[answer.error.copy(response.error, sizeof response.error - 1)] = '\0';
    response.body[answer.body.copy(response.body, sizeof response.body - 1)] = '\0';
    return answer.status == 0 ? 1 : 0;
  }

  const NotifierLibrary& library_;
  Settings settings_;
  punctual_host host_{};
  void* instance_ = nullptr;
  std::string failure_;
  std::deque<Answer> answers_;
  std::vector<SentRequest> requests_;
  std::string log_;
};

}  // namespace punctual::testing
