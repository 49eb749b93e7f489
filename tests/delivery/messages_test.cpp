#include "delivery/messages.hpp"

#include "delivery/signer.hpp"
#include "support/precompiled.hpp"

namespace punctual {
namespace {

const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string other_secret = "whsec_YW5vdGhlci1rZXktb2YtMjQtYnl0ZXMh";

Claimed claimed() {
  Claimed out;
  out.id = *ExecutionId::parse("018f0000-0000-7000-8000-000000000003");
  out.run_id = *ExecutionId::parse("018f0000-0000-7000-8000-000000000002");
  out.task_id = *TaskId::parse("018f0000-0000-7000-8000-000000000001");
  out.attempt = 3;
  out.scheduled_for = *parse_rfc3339("2026-03-01T08:00:00.125Z");
  out.method = Method::put;
  out.url = "https://example.com/hook";
  out.task_name = "say \"hi\"";
  out.callback_url = "https://example.com/done";
  out.on_failure_url = "https://example.com/failed";
  out.on_recovery_url = "https://example.com/recovered";
  return out;
}

Settlement end_of(const Claimed& attempt, ExecutionStatus status) {
  Settlement out;
  out.id = attempt.id;
  out.status = status;
  out.started_at = *parse_rfc3339("2026-03-01T08:00:00.130Z");
  out.finished_at = *parse_rfc3339("2026-03-01T08:00:01.5Z");
  out.status_code = 200;
  out.duration = milliseconds{1370};
  out.response_body = "a\n\"b\"";
  return out;
}

Settlement failure_of(const Claimed& attempt) {
  Settlement out = end_of(attempt, ExecutionStatus::missed);
  out.started_at.reset();
  out.status_code.reset();
  out.duration.reset();
  out.response_body.reset();
  out.error_message = "Not sent";
  return out;
}

std::string body_of(const NewMessage& message, bool final = true, std::optional<ExecutionStatus> ended_as = {}) {
  return message_body(message.event, final, ended_as, message.content);
}

std::vector<MessageEvent> events_of(const std::vector<NewMessage>& messages) {
  std::vector<MessageEvent> out;
  for (const NewMessage& message : messages) out.push_back(message.event);
  return out;
}

std::optional<std::string> value_of(const Headers& headers, std::string_view name) {
  std::optional<std::string> out;
  for (const auto& [key, value] : headers) {
    if (key != name) continue;
    CHECK_FALSE(out);
    out = value;
  }
  return out;
}

}  // namespace

TEST_CASE("a callback tells all of an attempt") {
  const auto messages = messages_about(claimed(), end_of(claimed(), ExecutionStatus::success));
  REQUIRE_FALSE(messages.empty());
  CHECK(messages[0].url == "https://example.com/done");
  CHECK(body_of(messages[0], false) ==
        R"({"event":"execution.completed","final":false,"task_id":"018f0000-0000-7000-8000-000000000001",)"
        R"("execution_id":"018f0000-0000-7000-8000-000000000003","run_id":"018f0000-0000-7000-8000-000000000002",)"
        R"("status":"success","status_code":200,"duration_ms":1370,"response_body":"a\n\"b\"","error_message":null,)"
        R"("attempt":3,"scheduled_for":"2026-03-01T08:00:00.125Z","started_at":"2026-03-01T08:00:00.130Z",)"
        R"("finished_at":"2026-03-01T08:00:01.500Z"})");
}

TEST_CASE("a callback tells how the attempt has ended, whatever came back") {
  Settlement end = end_of(claimed(), ExecutionStatus::success);
  end.response_body = R"({"status":"success"})";
  const auto messages = messages_about(claimed(), end);
  REQUIRE_FALSE(messages.empty());
  CHECK(body_of(messages[0], true, ExecutionStatus::cancelled) ==
        R"({"event":"execution.completed","final":true,"task_id":"018f0000-0000-7000-8000-000000000001",)"
        R"("execution_id":"018f0000-0000-7000-8000-000000000003","run_id":"018f0000-0000-7000-8000-000000000002",)"
        R"("status":"cancelled","status_code":200,"duration_ms":1370,"response_body":"{\"status\":\"success\"}",)"
        R"("error_message":null,"attempt":3,"scheduled_for":"2026-03-01T08:00:00.125Z",)"
        R"("started_at":"2026-03-01T08:00:00.130Z","finished_at":"2026-03-01T08:00:01.500Z"})");
}

TEST_CASE("a callback about what was never sent has nulls") {
  const auto messages = messages_about(claimed(), failure_of(claimed()));
  REQUIRE_FALSE(messages.empty());
  CHECK(body_of(messages[0]) ==
        R"({"event":"execution.completed","final":true,"task_id":"018f0000-0000-7000-8000-000000000001",)"
        R"("execution_id":"018f0000-0000-7000-8000-000000000003","run_id":"018f0000-0000-7000-8000-000000000002",)"
        R"("status":"missed","status_code":null,"duration_ms":null,"response_body":null,"error_message":"Not sent",)"
        R"("attempt":3,"scheduled_for":"2026-03-01T08:00:00.125Z","started_at":null,)"
        R"("finished_at":"2026-03-01T08:00:01.500Z"})");
}

TEST_CASE("news of a task tell of the task and of the execution") {
  const auto failed = messages_about(claimed(), failure_of(claimed()));
  REQUIRE(failed.size() == 2);
  CHECK(failed[1].url == "https://example.com/failed");
  CHECK(body_of(failed[1]) ==
        R"({"event":"task.failed","task":{"id":"018f0000-0000-7000-8000-000000000001","name":"say \"hi\"",)"
        R"("url":"https://example.com/hook","method":"PUT"},"execution":{"id":"018f0000-0000-7000-8000-000000000003",)"
        R"("status":"missed","status_code":null,"error_message":"Not sent","scheduled_for":"2026-03-01T08:00:00.125Z",)"
        R"("finished_at":"2026-03-01T08:00:01.500Z","duration_ms":null}})");
  const auto recovered = messages_about(claimed(), end_of(claimed(), ExecutionStatus::success));
  REQUIRE(recovered.size() == 2);
  CHECK(recovered[1].url == "https://example.com/recovered");
  CHECK(body_of(recovered[1]) ==
        R"({"event":"task.recovered","task":{"id":"018f0000-0000-7000-8000-000000000001","name":"say \"hi\"",)"
        R"("url":"https://example.com/hook","method":"PUT"},"execution":{"id":"018f0000-0000-7000-8000-000000000003",)"
        R"("status":"success","status_code":200,"error_message":null,"scheduled_for":"2026-03-01T08:00:00.125Z",)"
        R"("finished_at":"2026-03-01T08:00:01.500Z","duration_ms":1370}})");
}

TEST_CASE("news of a task do not show the userinfo of its URL") {
  Claimed attempt = claimed();
  attempt.url = "https://user:s3cret@example.com/hook";
  for (const auto status : {ExecutionStatus::failed, ExecutionStatus::success}) {
    const auto messages = messages_about(attempt, end_of(attempt, status));
    REQUIRE(messages.size() == 2);
    CHECK(body_of(messages[1]).find(R"("url":"https://***@example.com/hook")") != std::string::npos);
    for (const auto& message : messages) CHECK(body_of(message).find("s3cret") == std::string::npos);
  }
}

TEST_CASE("how an attempt ended decides what may be told of it") {
  using enum MessageEvent;
  using Events = std::vector<MessageEvent>;
  const auto told = [](ExecutionStatus status) {
    return events_of(messages_about(claimed(), end_of(claimed(), status)));
  };
  CHECK(told(ExecutionStatus::success) == Events{execution_completed, task_recovered});
  CHECK(told(ExecutionStatus::failed) == Events{execution_completed, task_failed});
  CHECK(told(ExecutionStatus::timeout) == Events{execution_completed, task_failed});
  CHECK(told(ExecutionStatus::missed) == Events{execution_completed, task_failed});
  CHECK(told(ExecutionStatus::cancelled) == Events{execution_completed});
}

TEST_CASE("a task without URLs for it tells nobody") {
  Claimed attempt = claimed();
  attempt.callback_url.reset();
  attempt.on_failure_url.reset();
  attempt.on_recovery_url.reset();
  CHECK(messages_about(attempt, end_of(attempt, ExecutionStatus::success)).empty());
  CHECK(messages_about(attempt, end_of(attempt, ExecutionStatus::failed)).empty());
}

TEST_CASE("the id of a message follows from its execution and event") {
  const ExecutionId execution = claimed().id;
  const auto id = message_id(execution, MessageEvent::execution_completed);
  CHECK(id == message_id(execution, MessageEvent::execution_completed));
  CHECK(id != message_id(execution, MessageEvent::task_failed));
  CHECK(id != message_id(claimed().run_id, MessageEvent::execution_completed));
  // The time of the execution's id, version 8, the variant of RFC 9562.
  const auto text = id.text();
  CHECK(text.substr(0, 15) == "018f0000-0000-8");
  CHECK(std::string("89ab").find(text[19]) != std::string::npos);
}

TEST_CASE("a message is signed over its own id with every live secret") {
  ClaimedMessage message;
  message.id = *MessageId::parse("018f0000-0000-8000-8000-000000000009");
  message.task_id = claimed().task_id;
  message.execution_id = claimed().id;
  message.signing_secrets = {other_secret, secret};
  const Time now{seconds{1614265330}};
  const auto headers = message_headers(message, "{}", now, true);
  CHECK(value_of(headers, "webhook-id") == "018f0000-0000-8000-8000-000000000009");
  CHECK(value_of(headers, "webhook-timestamp") == "1614265330");
  CHECK(value_of(headers, "webhook-signature") ==
        webhook_signature(message.signing_secrets, message.id.text(), "1614265330", "{}"));
  message.old_secret_until = now;
  CHECK(value_of(message_headers(message, "{}", now, true), "webhook-signature") ==
        webhook_signature(std::span(message.signing_secrets).first(1), message.id.text(), "1614265330", "{}"));
  CHECK(value_of(headers, "Content-Type") == "application/json");
  CHECK(value_of(headers, "Punctual-Task-Id") == message.task_id.text());
  CHECK(value_of(headers, "Punctual-Execution-Id") == message.execution_id.text());
  CHECK(value_of(headers, "X-Runlater-Task-Id") == message.task_id.text());
  CHECK(value_of(headers, "X-Runlater-Execution-Id") == message.execution_id.text());
  CHECK(value_of(headers, "X-Runlater-Signature").value_or("").starts_with("sha256="));
  for (const auto& [name, value] : message_headers(message, "{}", now, false)) CHECK_FALSE(name.starts_with("X-"));
}

}  // namespace punctual
