#include "notifier-text/event_facts.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "notifier-text/readable.hpp"

namespace punctual::text {
namespace {

constexpr std::size_t most_events = 20;
constexpr std::size_t most_bytes_of_a_value = 1000;

struct Kind {
  std::string_view name;
  Tone tone;
  std::string_view title;  // before ": " and the subject
  std::string_view since;  // what since_ms is
};

constexpr std::array<Kind, 9> kinds{{
    {"task.failed", Tone::bad, "Task failed", "Run began"},
    {"task.recovered", Tone::good, "Task recovered", "Had failed at"},
    {"task.disabled", Tone::bad, "Task disabled", "Since"},
    {"queue.stalled", Tone::warning, "Queue stalled", "Due since"},
    {"quota.warning", Tone::warning, "Quota nearly used up", "Since"},
    {"quota.reached", Tone::bad, "Quota used up", "Since"},
    {"host.circuit_opened", Tone::warning, "Host does not answer", "Since"},
    {"summary", Tone::warning, "", "Since"},
    {"test", Tone::neutral, "Test message", "Since"},
}};

Kind kind_of(const std::string& name) {
  const auto* const found =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.name == name; });
  return found != kinds.end() ? *found : Kind{name, Tone::neutral, name, "Since"};
}

std::string title_of(const Event& event, const Kind& kind) {
  if (kind.name == "summary") return std::to_string(event.count()) + " events";
  const auto subject = event.subject().empty() ? event.task_name() : event.subject();
  std::string out(kind.title);
  if (!subject.empty()) out += ": " + subject;
  return out;
}

// "failed, HTTP 500"
std::string status_of(const Event& event) {
  std::string out = event.execution_status();
  if (event.status_code() != 0) out += (out.empty() ? "HTTP " : ", HTTP ") + std::to_string(event.status_code());
  return out;
}

std::string target_of(const Event& event) {
  if (event.task_url().empty()) return {};
  const auto url = without_userinfo(event.task_url());
  return event.task_method().empty() ? url : event.task_method() + ' ' + url;
}

std::vector<Fact> list_of(const Event& event, const Kind& kind) {
  std::vector<Fact> out;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out.push_back({std::string(name), shortened(one_line(value), most_bytes_of_a_value)});
  };
  add("Task", event.task_name());
  add("Target", target_of(event));
  add("Status", status_of(event));
  if (event.error_message() != "HTTP " + std::to_string(event.status_code())) add("Error", event.error_message());
  if (kind.name != "summary" && event.message().find(event.detail()) == std::string::npos)
    add("Detail", event.detail());
  if (event.attempt() > 0) add("Attempt", std::to_string(event.attempt()));
  if (event.since_ms() > 0) add(kind.since, utc_text(event.since_ms()));
  if (kind.name == "task.recovered" && event.since_ms() > 0) {
    add("Failed for", duration_text(event.occurred_at_ms() - event.since_ms()));
  }
  add("Execution", event.execution_id());
  return out;
}

std::vector<std::string> events_of(const Event& event) {
  boost::json::error_code failed;
  const auto json = boost::json::parse(event.json(), failed);
  const auto* const object = failed ? nullptr : json.if_object();
  const auto* const list = object == nullptr ? nullptr : object->if_contains("events");
  if (list == nullptr || !list->is_array()) return {};
  std::vector<std::string> out;
  for (const auto& each : list->get_array()) {
    if (out.size() == most_events) break;
    const auto* const one = each.if_object();
    const auto* const message = one == nullptr ? nullptr : one->if_contains("message");
    if (message != nullptr && message->is_string()) {
      out.push_back(shortened(one_line(message->get_string()), most_bytes_of_a_value));
    }
  }
  const auto told = static_cast<std::int64_t>(out.size());
  if (event.count() > told && told > 0) out.push_back("and " + std::to_string(event.count() - told) + " more");
  return out;
}

// Only what a browser opens as a page: the rest is not to be clicked at.
std::string link_of(const Event& event) {
  const auto link = event.link();
  const bool clean = std::all_of(link.begin(), link.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  return clean && (link.starts_with("https://") || link.starts_with("http://")) ? link : std::string();
}

std::string source_of(const Event& event) {
  std::string out = "Punctual";
  if (!event.organization().empty()) out += ", organization " + one_line(event.organization());
  return out + ", " + utc_text(event.occurred_at_ms());
}

}  // namespace

EventFacts facts_of(const Event& event) {
  const auto name = event.kind();
  const auto kind = kind_of(name);
  EventFacts out;
  out.tone = kind.tone;
  out.title = one_line(title_of(event, kind));
  out.message = one_line(event.message());
  out.facts = list_of(event, kind);
  out.response = readable(event.response_body());
  out.response.erase(out.response.find_last_not_of("\n ") + 1);
  if (kind.name == "summary") out.events = events_of(event);
  out.link = link_of(event);
  out.source = source_of(event);
  return out;
}

std::string utc_text(std::int64_t milliseconds_since_1970) {
  const auto time = static_cast<std::time_t>(milliseconds_since_1970 / 1000);
  std::tm parts{};
  char out[64];
  if (gmtime_r(&time, &parts) == nullptr || std::strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
    return {};
  }
  return out;
}

std::string duration_text(std::int64_t milliseconds) {
  const auto seconds = std::max<std::int64_t>(milliseconds / 1000, 0);
  const auto part = [](std::int64_t count, const char* unit) {
    return count == 0 ? std::string() : ' ' + std::to_string(count) + ' ' + unit;
  };
  const auto minutes = seconds / 60;
  const auto hours = minutes / 60;
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (hours == 0) return std::to_string(minutes) + " min";
  if (hours < 24) return std::to_string(hours) + " h" + part(minutes % 60, "min");
  return std::to_string(hours / 24) + " d" + part(hours % 24, "h");
}

}  // namespace punctual::text
