#include "delivery/messages.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "delivery/derived_id.hpp"

#include "host/masking.hpp"

namespace punctual {
namespace {

using boost::json::object;
using boost::json::value;

value text_or_null(const std::optional<std::string>& text) { return text ? value(*text) : value(nullptr); }
value time_or_null(const std::optional<Time>& time) { return time ? value(format_rfc3339(*time)) : value(nullptr); }
value status_code(const Settlement& end) { return end.status_code ? value(*end.status_code) : value(nullptr); }
value duration(const Settlement& end) { return end.duration ? value(end.duration->count()) : value(nullptr); }
value status(const Settlement& end) { return value(name_of(end.status)); }

// What does not depend on what follows the attempt, which only storage knows.
std::string completed(const Claimed& claimed, const Settlement& end) {
  return boost::json::serialize(object{{"task_id", claimed.task_id.text()},
                                       {"execution_id", claimed.id.text()},
                                       {"run_id", claimed.run_id.text()},
                                       {"status", status(end)},
                                       {"status_code", status_code(end)},
                                       {"duration_ms", duration(end)},
                                       {"response_body", text_or_null(end.response_body)},
                                       {"error_message", text_or_null(end.error_message)},
                                       {"attempt", claimed.attempt},
                                       {"scheduled_for", format_rfc3339(claimed.scheduled_for)},
                                       {"started_at", time_or_null(end.started_at)},
                                       {"finished_at", format_rfc3339(end.finished_at)}});
}

std::string task_and_execution(const Claimed& claimed, const Settlement& end) {
  return boost::json::serialize(object{{"task",
                                        {{"id", claimed.task_id.text()},
                                         {"name", claimed.task_name},
                                         {"url", mask_userinfo(claimed.url)},
                                         {"method", name_of(claimed.method)}}},
                                       {"execution",
                                        {{"id", claimed.id.text()},
                                         {"status", status(end)},
                                         {"status_code", status_code(end)},
                                         {"error_message", text_or_null(end.error_message)},
                                         {"scheduled_for", format_rfc3339(claimed.scheduled_for)},
                                         {"finished_at", format_rfc3339(end.finished_at)},
                                         {"duration_ms", duration(end)}}}});
}

bool is_failure(ExecutionStatus status) {
  return status == ExecutionStatus::failed || status == ExecutionStatus::timeout || status == ExecutionStatus::missed;
}

}  // namespace

MessageId message_id(ExecutionId execution, MessageEvent event) {
  std::string source(reinterpret_cast<const char*>(execution.value.bytes.data()), execution.value.bytes.size());
  source += name_of(event);
  return {derived_id(execution.value, source)};
}

std::vector<NewMessage> messages_about(const Claimed& claimed, const Settlement& end) {
  std::vector<NewMessage> out;
  const auto tell = [&](MessageEvent event, const std::optional<std::string>& url, auto write) {
    if (url) out.push_back({message_id(claimed.id, event), event, *url, write(claimed, end)});
  };
  tell(MessageEvent::execution_completed, claimed.callback_url, completed);
  if (is_failure(end.status)) tell(MessageEvent::task_failed, claimed.on_failure_url, task_and_execution);
  if (end.status == ExecutionStatus::success) {
    tell(MessageEvent::task_recovered, claimed.on_recovery_url, task_and_execution);
  }
  return out;
}

std::string message_body(MessageEvent event, bool final, std::optional<ExecutionStatus> ended_as,
                         std::string_view content) {
  std::string out = "{\"event\":\"";
  out += name_of(event);
  out += '"';
  if (event == MessageEvent::execution_completed) out += final ? ",\"final\":true" : ",\"final\":false";
  // The content is an object with members: its brace becomes a comma.
  out += ',';
  out += content.substr(std::min<std::size_t>(1, content.size()));
  // Before the status there are ids alone.
  constexpr std::string_view member = "\"status\":\"";
  if (const auto at = out.find(member); ended_as && at != std::string::npos) {
    const auto begin = at + member.size();
    out.replace(begin, out.find('"', begin) - begin, name_of(*ended_as));
  }
  return out;
}

}  // namespace punctual
