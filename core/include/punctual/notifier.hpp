// Turns a C++ class into a notifier plugin. C++17, nothing but the standard library and the C headers beside it: what crosses
// to the server is plain C, so the plugin may be built with another compiler than the server, and outlives its releases.
//
//   class Printer {
//    public:
//     explicit Printer(const punctual::NotifierHost& host) : host_(host), prefix_(host.setting("prefix")) {}
//     void notify(const punctual::Event& event) { host_.log(PUNCTUAL_INFO, prefix_ + event.message()); }
//    …
//   };
//   constexpr punctual_setting settings[] = {{"printer.prefix", PUNCTUAL_STRING, "", "What a line begins with."}};
//   PUNCTUAL_NOTIFIER(Printer, "notifier-printer", "1.0.0", settings)
//
// The threads, deadlines and repetitions are those of notifier.h. The constructor and notify may throw: what() becomes the
// error text, and the event is told again later, unless it is a GiveUp.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "punctual/notifier.h"

namespace punctual {

// Thrown by notify: there is no use in telling this event again.
class GiveUp : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An event, valid during the call. What an older server does not know of is "" or 0.
class Event {
 public:
  explicit Event(const punctual_event& event) : event_(event) {}

  [[nodiscard]] std::string id() const { return event_.id; }
  [[nodiscard]] std::string kind() const { return event_.kind; }
  [[nodiscard]] std::string organization() const { return event_.organization; }
  [[nodiscard]] std::string task_id() const { return event_.task_id; }
  [[nodiscard]] std::string task_name() const { return event_.task_name; }
  [[nodiscard]] std::string task_url() const { return event_.task_url; }
  [[nodiscard]] std::string execution_id() const { return event_.execution_id; }
  [[nodiscard]] std::string message() const { return event_.message; }
  [[nodiscard]] std::int64_t occurred_at_ms() const { return event_.occurred_at_ms; }
  [[nodiscard]] std::string json() const { return event_.json; }

  [[nodiscard]] std::string channel() const { return PUNCTUAL_HAS(&event_, channel) ? event_.channel : ""; }
  [[nodiscard]] std::string subject() const { return PUNCTUAL_HAS(&event_, subject) ? event_.subject : ""; }
  [[nodiscard]] std::string detail() const { return PUNCTUAL_HAS(&event_, detail) ? event_.detail : ""; }
  [[nodiscard]] std::int64_t since_ms() const { return PUNCTUAL_HAS(&event_, since_ms) ? event_.since_ms : 0; }
  [[nodiscard]] std::string task_method() const { return PUNCTUAL_HAS(&event_, task_method) ? event_.task_method : ""; }
  [[nodiscard]] std::string execution_status() const {
    return PUNCTUAL_HAS(&event_, execution_status) ? event_.execution_status : "";
  }
  [[nodiscard]] int status_code() const { return PUNCTUAL_HAS(&event_, status_code) ? event_.status_code : 0; }
  [[nodiscard]] int attempt() const { return PUNCTUAL_HAS(&event_, attempt) ? event_.attempt : 0; }
  [[nodiscard]] std::string error_message() const {
    return PUNCTUAL_HAS(&event_, error_message) ? event_.error_message : "";
  }
  [[nodiscard]] std::string response_body() const {
    return PUNCTUAL_HAS(&event_, response_body) ? event_.response_body : "";
  }
  [[nodiscard]] std::string link() const { return PUNCTUAL_HAS(&event_, link) ? event_.link : ""; }
  [[nodiscard]] std::int64_t count() const { return PUNCTUAL_HAS(&event_, count) ? event_.count : 1; }

  // As the server gave it.
  [[nodiscard]] const punctual_event& raw() const { return event_; }

 private:
  const punctual_event& event_;
};

struct HttpRequest {
  std::string method = "POST";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::int64_t timeout_ms = 10000;
};

struct HttpResponse {
  int status = 0;        // 0: none came, `error` says why
  bool blocked = false;  // the address must not be reached, now or later
  std::int64_t retry_after_ms = 0;
  std::string body;  // its beginning
  std::string error;
};

// What the server offers. A value; valid as long as the instance.
class NotifierHost {
 public:
  explicit NotifierHost(const punctual_host& host) : host_(&host) {}

  void log(punctual_log_level level, const std::string& text) const { host_->log(host_->self, level, text.c_str()); }

  // A declared setting, by its whole name or by what follows its section. Throws std::logic_error for one that was not
  // declared.
  [[nodiscard]] std::string setting(const std::string& name) const {
    const char* value =
        PUNCTUAL_HAS(host_, setting) && host_->setting != nullptr ? host_->setting(host_->self, name.c_str()) : nullptr;
    if (value == nullptr) throw std::logic_error("setting '" + name + "' was not declared");
    return value;
  }
  // The same for settings that were declared as of these types.
  [[nodiscard]] std::int64_t integer(const std::string& name) const { return std::stoll(setting(name)); }
  [[nodiscard]] bool boolean(const std::string& name) const { return setting(name) == "true"; }
  [[nodiscard]] std::chrono::milliseconds duration(const std::string& name) const {
    return std::chrono::milliseconds(integer(name));
  }
  [[nodiscard]] std::vector<std::string> list(const std::string& name) const {
    std::vector<std::string> out;
    std::istringstream items(setting(name));
    for (std::string item; std::getline(items, item, ',');) out.push_back(item);
    return out;
  }

  // Sends one request with the server's own client, which refuses addresses that must not be reached, and waits. Throws
  // std::invalid_argument for a header with a line break.
  [[nodiscard]] HttpResponse http(const HttpRequest& request) const {
    HttpResponse out;
    if (!PUNCTUAL_HAS(host_, http) || host_->http == nullptr) {
      out.error = "this server sends no HTTP requests for plugins";
      return out;
    }
    std::string lines;
    for (const auto& [name, value] : request.headers) {
      if ((name + value).find_first_of("\r\n") != std::string::npos) {
        throw std::invalid_argument("the header " + name.substr(0, name.find_first_of("\r\n")) + " has a line break");
      }
      lines += name;
      lines += ": ";
      lines += value;
      lines += "\r\n";
    }
    punctual_http_request asked{};
    asked.struct_size = sizeof asked;
    asked.method = request.method.c_str();
    asked.url = request.url.c_str();
    asked.headers = lines.c_str();
    asked.body = request.body.data();
    asked.body_size = request.body.size();
    asked.timeout_ms = request.timeout_ms;
    const auto answer = std::make_unique<punctual_http_response>();
    answer->struct_size = sizeof *answer;
    (void)host_->http(host_->self, &asked, answer.get());
    out.status = answer->status;
    out.blocked = answer->blocked != 0;
    out.retry_after_ms = answer->retry_after_ms;
    out.body = answer->body;
    out.error = answer->error;
    return out;
  }

 private:
  const punctual_host* host_;
};

namespace notifier_detail {

inline void leave(const char* text, char* error, std::size_t error_size) noexcept {
  if (error == nullptr || error_size == 0) return;
  std::strncpy(error, text, error_size - 1);
  error[error_size - 1] = '\0';
}

// Every exception but the one by which a thread ends (pthread_exit), which is none of std::exception and must go on.
template <class Class>
void* create(const char*, const punctual_host* host, char* error, std::size_t error_size) {
  try {
    return new Class(NotifierHost(*host));
  } catch (const std::exception& problem) {
    leave(problem.what(), error, error_size);
  }
  return nullptr;
}

template <class Class>
std::int32_t notify(void* instance, const punctual_event* event, char* error, std::size_t error_size) {
  try {
    static_cast<Class*>(instance)->notify(Event(*event));
    return PUNCTUAL_DELIVERED;
  } catch (const GiveUp& problem) {
    leave(problem.what(), error, error_size);
    return PUNCTUAL_GIVE_UP;
  } catch (const std::exception& problem) {
    leave(problem.what(), error, error_size);
    return PUNCTUAL_RETRY_LATER;
  }
}

template <class Class>
void destroy(void* instance) {
  delete static_cast<Class*>(instance);
}

}  // namespace notifier_detail

// The descriptor of `Class`, which has a constructor Class(const NotifierHost&) and void notify(const Event&). settings live as
// long as the process; server_settings are as in punctual_notifier_v1. Made at the first call.
template <class Class>
[[nodiscard]] const punctual_plugin* describe_notifier(const char* name, const char* version,
                                                       const punctual_setting* settings, std::size_t count,
                                                       const char* const* server_settings) {
  static const punctual_notifier_v1 operations{sizeof(punctual_notifier_v1), notifier_detail::notify<Class>,
                                               server_settings};
  static const punctual_plugin plugin = [&] {
    punctual_plugin out{};
    out.struct_size = sizeof(punctual_plugin);
    out.abi = PUNCTUAL_PLUGIN_ABI;
    out.kind = PUNCTUAL_NOTIFIER;
    out.name = name;
    out.version = version;
    out.cxx_abi_tag = "";
    out.settings = settings;
    out.settings_count = count;
    out.create = notifier_detail::create<Class>;
    out.destroy = notifier_detail::destroy<Class>;
    out.operations = &operations;
    return out;
  }();
  return &plugin;
}
template <class Class, std::size_t Count>
[[nodiscard]] const punctual_plugin* describe_notifier(const char* name, const char* version,
                                                       const punctual_setting (&settings)[Count],
                                                       const char* const* server_settings = nullptr) {
  return describe_notifier<Class>(name, version, settings, Count, server_settings);
}
template <class Class>
[[nodiscard]] const punctual_plugin* describe_notifier(const char* name, const char* version) {
  return describe_notifier<Class>(name, version, nullptr, 0, nullptr);
}

}  // namespace punctual

// Exports `Class` as the one plugin of a library: PUNCTUAL_NOTIFIER(Class, name, version[, settings[, server_settings]]), with
// what describe_notifier takes.
#define PUNCTUAL_NOTIFIER(Class, name, ...)                                    \
  extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) { \
    return punctual::describe_notifier<Class>(name, __VA_ARGS__);              \
  }
