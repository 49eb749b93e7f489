#include "engine/notice_events.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "delivery/derived_id.hpp"
#include "host/masking.hpp"

namespace punctual {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

std::int64_t milliseconds_of(Time at) {
  return std::chrono::duration_cast<milliseconds>(at.time_since_epoch()).count();
}

std::string quoted(const std::string& name) { return '"' + name + '"'; }

std::string name_of_task(const Notice& notice) {
  if (!notice.task_name.empty()) return notice.task_name;
  return notice.task_id ? "task " + notice.task_id->text() : "a task";
}

std::string reason(const Notice& notice) {
  if (!notice.execution) return "the attempt is not kept any more";
  const Execution& execution = notice.execution->execution;
  if (execution.error_message) return *execution.error_message;
  return std::string(name_of(execution.status));
}

std::string failure(const Notice& notice) {
  std::string out = quoted(name_of_task(notice)) + " has failed";
  if (notice.execution && notice.execution->execution.attempt > 1) {
    out += " after " + std::to_string(notice.execution->execution.attempt) + " attempts";
  }
  return out + ": " + reason(notice);
}

std::string since_when(const Notice& notice, const char* before) {
  return notice.since ? before + format_rfc3339(*notice.since) : std::string();
}

std::string message_of(const Notice& notice) {
  switch (notice.event) {
    case NoticeEvent::task_failed:
      return failure(notice);
    case NoticeEvent::task_recovered:
      return quoted(name_of_task(notice)) + " works again" + since_when(notice, ", it had failed at ");
    case NoticeEvent::task_disabled:
      return quoted(name_of_task(notice)) + " has been disabled: " + notice.detail;
    case NoticeEvent::queue_stalled:
      return "Queue " + quoted(notice.subject) + " stands still: its first task has been due" +
             since_when(notice, " since ") + " and has not ended";
    case NoticeEvent::quota_warning:
    case NoticeEvent::quota_reached:
      return notice.detail;
    case NoticeEvent::host_circuit_opened:
      return "Nothing is sent to " + notice.subject + " for now: it has failed several times in a row";
  }
  return notice.detail;
}

bool is_about_a_task(NoticeEvent event) {
  return event == NoticeEvent::task_failed || event == NoticeEvent::task_recovered ||
         event == NoticeEvent::task_disabled;
}

std::string link_of(const Notice& notice, std::string_view public_url) {
  if (public_url.empty()) return {};
  std::string out(public_url);
  while (out.ends_with('/')) out.pop_back();
  out += "/api/v1/";
  if (notice.execution) return out + "executions/" + notice.execution->execution.id.text();
  if (notice.task_id) return out + "tasks/" + notice.task_id->text();
  if (notice.event == NoticeEvent::queue_stalled) return out + "queues";
  return {};
}

value task_json(const NotifierEvent& event) {
  if (event.task_id.empty()) return nullptr;
  return object{
      {"id", event.task_id}, {"name", event.task_name}, {"url", event.task_url}, {"method", event.task_method}};
}

value execution_json(const NotifierEvent& event) {
  if (event.execution_id.empty()) return nullptr;
  return object{{"id", event.execution_id},
                {"status", event.execution_status},
                {"status_code", event.status_code == 0 ? value(nullptr) : value(event.status_code)},
                {"attempt", event.attempt},
                {"error_message", event.error_message.empty() ? value(nullptr) : value(event.error_message)},
                {"response_body", event.response_body.empty() ? value(nullptr) : value(event.response_body)}};
}

object json_of(const NotifierEvent& event, Time occurred_at, const std::optional<Time>& since) {
  return {{"id", event.id},
          {"event", event.kind},
          {"organization", event.organization},
          {"channel", event.channel},
          {"message", event.message},
          {"occurred_at", format_rfc3339(occurred_at)},
          {"subject", event.subject},
          {"detail", event.detail},
          {"since", since ? value(format_rfc3339(*since)) : value(nullptr)},
          {"count", event.count},
          {"link", event.link.empty() ? value(nullptr) : value(event.link)},
          {"task", task_json(event)},
          {"execution", execution_json(event)}};
}

struct Told {
  NotifierEvent event;
  object json;
};

Told told_of(const Notice& notice, const ClaimedNotices& claimed, std::string_view public_url) {
  NotifierEvent out;
  out.id = notice.id.text();
  out.kind = name_of(notice.event);
  out.organization = claimed.organization_name;
  out.channel = claimed.channel.name;
  out.message = message_of(notice);
  out.occurred_at_ms = milliseconds_of(notice.occurred_at);
  out.subject = is_about_a_task(notice.event) ? name_of_task(notice) : notice.subject;
  out.detail = notice.detail;
  if (notice.since) out.since_ms = milliseconds_of(*notice.since);
  if (notice.task_id) out.task_id = notice.task_id->text();
  out.task_name = notice.task_name;
  out.task_url = mask_secrets(notice.task_url);
  if (notice.task_method) out.task_method = name_of(*notice.task_method);
  if (notice.execution) {
    const Execution& execution = notice.execution->execution;
    out.execution_id = execution.id.text();
    out.execution_status = name_of(execution.status);
    out.status_code = execution.status_code.value_or(0);
    out.attempt = execution.attempt;
    out.error_message = execution.error_message.value_or("");
    // Where it was sent to, which the task may have left since.
    out.task_url = mask_secrets(notice.execution->request_url);
    out.task_method = name_of(notice.execution->request_method);
    out.response_body = notice.execution->response_body.value_or("");
  }
  out.link = link_of(notice, public_url);
  auto json = json_of(out, notice.occurred_at, notice.since);
  return {std::move(out), std::move(json)};
}

// Follows from the notices: another set of them is another event.
std::string summary_id(const std::vector<Notice>& notices) {
  std::string source;
  for (const Notice& notice : notices) {
    source.append(reinterpret_cast<const char*>(notice.id.value.bytes.data()), notice.id.value.bytes.size());
  }
  return derived_id(notices.back().id.value, source).text();
}

std::string summary_message(const std::vector<Notice>& notices) {
  std::map<NoticeEvent, std::size_t> counts;
  for (const Notice& notice : notices) ++counts[notice.event];
  std::string out = std::to_string(notices.size()) + " events:";
  const char* separator = " ";
  for (const auto& [event, count] : counts) {
    out += separator + std::to_string(count) + ' ' + std::string(name_of(event));
    separator = ", ";
  }
  return out;
}

// Of so many the summary tells all there is; of the rest it gives the number alone.
constexpr std::size_t most_told_of = 100;

}  // namespace

NotifierEvent event_of(const ClaimedNotices& claimed, std::string_view public_url) {
  const auto& notices = claimed.notices;
  if (notices.size() == 1) {
    auto told = told_of(notices.front(), claimed, public_url);
    told.event.json = boost::json::serialize(told.json);
    return std::move(told.event);
  }
  NotifierEvent out;
  out.id = summary_id(notices);
  out.kind = "summary";
  out.organization = claimed.organization_name;
  out.channel = claimed.channel.name;
  out.message = summary_message(notices);
  out.occurred_at_ms = milliseconds_of(notices.back().occurred_at);
  out.count = static_cast<std::int64_t>(notices.size());
  array events;
  for (const Notice& notice : notices) {
    auto told = told_of(notice, claimed, public_url);
    if (events.size() < 20) out.detail += (out.detail.empty() ? "" : "\n") + told.event.message;
    events.emplace_back(std::move(told.json));
    if (events.size() == most_told_of) break;
  }
  if (notices.size() > 20) out.detail += "\nand " + std::to_string(notices.size() - 20) + " more";
  auto json = json_of(out, notices.back().occurred_at, std::nullopt);
  json["events"] = std::move(events);
  out.json = boost::json::serialize(json);
  return out;
}

NotifierEvent test_event(const Channel& channel, const std::string& organization, std::string id, Time now) {
  NotifierEvent out;
  out.id = std::move(id);
  out.kind = "test";
  out.organization = organization;
  out.channel = channel.name;
  out.message = "This is a test of the channel " + quoted(channel.name) + ": it works";
  out.occurred_at_ms = milliseconds_of(now);
  out.json = boost::json::serialize(json_of(out, now, std::nullopt));
  return out;
}

}  // namespace punctual
