#include "host/sample_events.hpp"

#include <boost/json.hpp>
#include <string_view>

namespace punctual {
namespace {

using boost::json::object;
using boost::json::value;

constexpr milliseconds while_ago = std::chrono::minutes{10};

std::int64_t to_ms(Time time) { return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count(); }

value time_or_null(std::int64_t ms) {
  return ms == 0 ? value(nullptr) : value(format_rfc3339(Time{} + milliseconds{ms}));
}

value text_or_null(std::string_view text) { return text.empty() ? value(nullptr) : value(text); }

value task_json(const punctual_event& event) {
  if (*event.task_id == '\0') return nullptr;
  return object{
      {"id", event.task_id}, {"name", event.task_name}, {"url", event.task_url}, {"method", event.task_method}};
}

value execution_json(const punctual_event& event) {
  if (*event.execution_id == '\0') return nullptr;
  return object{{"id", event.execution_id},
                {"status", event.execution_status},
                {"status_code", event.status_code == 0 ? value(nullptr) : value(event.status_code)},
                {"attempt", event.attempt},
                {"error_message", text_or_null(event.error_message)},
                {"response_body", text_or_null(event.response_body)}};
}

// docs/notifications.md
object json_of(const punctual_event& event) {
  return {{"id", event.id},
          {"event", event.kind},
          {"organization", event.organization},
          {"channel", event.channel},
          {"message", event.message},
          {"occurred_at", time_or_null(event.occurred_at_ms)},
          {"subject", event.subject},
          {"detail", event.detail},
          {"since", time_or_null(event.since_ms)},
          {"count", event.count},
          {"link", text_or_null(event.link)},
          {"task", task_json(event)},
          {"execution", execution_json(event)}};
}

punctual_event event_of(const char* kind, const char* subject, const char* message) {
  punctual_event out{};
  out.struct_size = sizeof out;
  out.kind = kind;
  out.organization = "sample";
  out.message = message;
  out.channel = "sample-channel";
  out.subject = subject;
  out.count = 1;
  // Of a task and an execution there is nothing until something is said of them.
  for (auto* text : {&out.id, &out.task_id, &out.task_name, &out.task_url, &out.execution_id, &out.json, &out.detail,
                     &out.task_method, &out.execution_status, &out.error_message, &out.response_body, &out.link}) {
    *text = "";
  }
  return out;
}

punctual_event event_of_task(const char* kind, const char* message) {
  auto out = event_of(kind, "Sample task", message);
  out.task_id = "01890a5d-ac96-774b-bcce-b302099a8058";
  out.task_name = "Sample task";
  out.task_url = "https://example.com/hook";
  out.task_method = "POST";
  out.execution_id = "01890a5d-ac96-774b-bcce-b302099a8059";
  out.link = "https://punctual.example.com/api/v1/executions/01890a5d-ac96-774b-bcce-b302099a8059";
  return out;
}

punctual_event failed_execution(punctual_event event, int status_code) {
  event.execution_status = "failed";
  event.status_code = status_code;
  event.attempt = 6;
  event.error_message = status_code == 410 ? "HTTP 410" : "HTTP 500";
  event.response_body = status_code == 410 ? "" : R"({"error": "the disk is full: \u00e4"})";
  return event;
}

}  // namespace

SampleEvents::SampleEvents(Time now) : now_(now) {
  const auto since = to_ms(now - while_ago);

  auto failed = failed_execution(
      event_of_task("task.failed", "This is a sample event: \"Sample task\" has failed after 6 attempts: HTTP 500"),
      500);
  failed.since_ms = since;
  add(failed);

  auto recovered = event_of_task("task.recovered", "This is a sample event: \"Sample task\" works again");
  recovered.execution_status = "success";
  recovered.status_code = 200;
  recovered.attempt = 1;
  recovered.response_body = "ok";
  recovered.since_ms = since;
  add(recovered);

  auto disabled = failed_execution(
      event_of_task("task.disabled",
                    "This is a sample event: \"Sample task\" has been disabled: its target answered 410"),
      410);
  disabled.detail = "its target answered 410";
  add(disabled);

  auto stalled = event_of("queue.stalled", "sample-queue",
                          "This is a sample event: queue \"sample-queue\" stands still: its first task has not ended");
  stalled.since_ms = since;
  add(stalled);

  auto warning =
      event_of("quota.warning", "", "This is a sample event: 8000 of 10000 executions of the month are used");
  warning.detail = "8000 of 10000 executions of the month are used";
  add(warning);

  auto reached = event_of("quota.reached", "", "This is a sample event: all 10000 executions of the month are used");
  reached.detail = "all 10000 executions of the month are used";
  add(reached);

  add(event_of(
      "host.circuit_opened", "example.com:443",
      "This is a sample event: nothing is sent to example.com:443 for now: it has failed several times in a row"));

  auto summary = event_of("summary", "", "This is a sample event: 2 events: 1 queue.stalled, 1 quota.warning");
  summary.detail = "Queue \"sample-queue\" stands still\n8000 of 10000 executions of the month are used";
  summary.count = 2;
  add(summary);

  add(event_of("test", "", "This is a sample event: a test of the channel \"sample-channel\""));
}

void SampleEvents::add(punctual_event event) {
  event.id = texts_.emplace_back("01890a5d-ac96-774b-bcce-b302099a806" + std::to_string(events_.size())).c_str();
  event.occurred_at_ms = to_ms(now_);
  auto json = json_of(event);
  if (std::string_view(event.kind) == "summary") {
    auto& told_of = json["events"].emplace_array();
    for (const auto& other : events_) {
      const std::string_view kind = other.kind;
      if (kind == "queue.stalled" || kind == "quota.warning") told_of.push_back(json_of(other));
    }
  }
  event.json = texts_.emplace_back(boost::json::serialize(json)).c_str();
  events_.push_back(event);
}

}  // namespace punctual
