// What the API shows of executions.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("an execution is shown with its response and request") {
  RunningApi server;
  const auto task = server.create(R"({"url":"https://example.com/x","method":"PUT"})");
  const auto first = server.run(task, 503);
  const auto execution = server.send(task);
  auto outcome = server.transport().response(500);
  outcome.sent_at = server.clock.now() + milliseconds{3};
  outcome.duration = milliseconds{42};
  outcome.headers = {{"Content-Type", "text/plain"}, {"Set-Cookie", "a=1"}, {"set-cookie", "b=2"}};
  outcome.body = "line\n\"quoted\"";
  server.clock.advance(milliseconds{45});
  server.finish(execution, outcome);
  const auto path = "/api/v1/executions/" + execution;
  CHECK(
      server.client().get(path).body ==
      R"({"data":{"id":")" + execution + R"(","task_id":")" + task + R"(","run_id":")" + first +
          R"(","attempt":2,"status":"failed",)"
          R"("scheduled_for":"2026-01-15T12:00:15.000Z","started_at":"2026-01-15T12:00:15.003Z",)"
          R"("finished_at":"2026-01-15T12:00:15.045Z","status_code":500,"duration_ms":42,"error_message":"HTTP 500",)"
          R"("response_body":"line\n\"quoted\"","response_headers":{"Content-Type":"text/plain","Set-Cookie":"a=1, b=2"},)"
          R"("request":{"url":"https://example.com/x","method":"PUT"}}})");
  CHECK(server.client(other_key).get(path).status == 404);
  CHECK(server.client().get("/api/v1/executions/nonsense").status == 404);
}

TEST_CASE("userinfo of a URL is shown by its task alone") {
  RunningApi server;
  const std::string url = "https://user:s3cret@example.com/x";
  const auto task = server.create(R"({"url":")" + url + R"(","delay":60})");
  const auto pending = text_of(server.executions_of(task).at(0).at("id"));
  const std::string masked = "https://***@example.com/x";
  CHECK(text_of(server.execution(pending).at("request").at("url")) == masked);
  server.run(task);
  CHECK(text_of(server.execution(pending).at("request").at("url")) == masked);
  CHECK(text_of(server.task(task).at("url")) == url);
  CHECK(text_of(server.task(task).at("name")).starts_with(masked));
}

TEST_CASE("every attempt is an execution of its own with the id of its run, newest first") {
  RunningApi server;
  const auto task = server.create(R"({"url":"https://example.com"})");
  const auto first = server.run(task, 503);
  CHECK(server.task(task).at("next_run_at") == "2026-01-15T12:00:15.000Z");
  CHECK(server.task(task).at("last_execution_status") == "failed");
  const auto second = server.run(task, 204);
  const auto all = server.executions_of(task);
  REQUIRE(all.size() == 2);
  CHECK(keys_of(all[0]) == std::vector<std::string>{"id", "task_id", "run_id", "attempt", "status", "scheduled_for",
                                                    "started_at", "finished_at", "status_code", "duration_ms",
                                                    "error_message"});
  CHECK(text_of(all[0].at("id")) == second);
  CHECK(text_of(all[0].at("run_id")) == first);
  CHECK(all[0].at("attempt") == 2);
  CHECK(all[0].at("status") == "success");
  CHECK(all[0].at("error_message").is_null());
  CHECK(text_of(all[1].at("id")) == first);
  CHECK(text_of(all[1].at("run_id")) == first);
  CHECK(all[1].at("attempt") == 1);
  CHECK(all[1].at("error_message") == "HTTP 503");
  CHECK(server.task(task).at("last_execution_status") == "success");
  CHECK(server.task(task).at("last_execution_at") == "2026-01-15T12:00:15.000Z");
  CHECK(server.task(task).at("next_run_at").is_null());
}

TEST_CASE("an execution has begun when its request is sent, not when it is claimed") {
  RunningApi server;
  const auto task = server.create(R"({"url":"https://example.com","delay":60})");
  server.advance_until_claimed(milliseconds{59'500}, task);
  const auto count = [&](const std::string& status) {
    return server.get("/api/v1/executions?status=" + status).as_array().size();
  };
  CHECK(server.executions_of(task).at(0).at("status") == "pending");
  CHECK(server.executions_of(task).at(0).at("started_at").is_null());
  CHECK(count("pending") == 1);
  CHECK(count("running") == 0);
  const auto running = server.execution(server.send(task));
  CHECK(running.at("status") == "running");
  CHECK(running.at("started_at") == "2026-01-15T12:01:00.000Z");
  CHECK(running.at("finished_at").is_null());
  CHECK(running.at("response_body").is_null());
  CHECK(count("pending") == 0);
  CHECK(count("running") == 1);
}

TEST_CASE("what came of an attempt is told in the contract's words") {
  RunningApi server;
  const auto check = [&](const std::string& fields, const DeliveryOutcome& outcome, const std::string& status,
                         const std::string& message) {
    INFO(message);
    const auto task = server.create(R"({"url":"https://example.com","retry_attempts":0)" + fields + "}");
    const auto execution = server.send(task);
    server.finish(execution, outcome);
    const auto shown = server.execution(execution);
    CHECK(text_of(shown.at("status")) == status);
    CHECK(text_of(shown.at("error_message")) == message);
    CHECK(text_of(server.task(task).at("last_execution_status")) == status);
    CHECK(server.get("/api/v1/tasks/" + task + "/executions?status=" + status).as_array().size() == 1);
  };
  const auto answered = [&](int status, std::string body = {}) {
    auto outcome = server.transport().response(status);
    outcome.body = std::move(body);
    return outcome;
  };
  const auto failed = [](DeliveryResult result, std::string error) {
    DeliveryOutcome outcome;
    outcome.result = result;
    outcome.error = std::move(error);
    return outcome;
  };
  check("", answered(301), "failed", "HTTP 301");
  check("", answered(404), "failed", "HTTP 404");
  check(R"(,"expected_status_codes":"201, 202")", answered(200), "failed",
        "Assertion failed: status 200 not in [201,202]");
  check(R"(,"expected_body_pattern":"\"ok\"")", answered(200, "no"), "failed",
        R"(Assertion failed: response body does not contain ""ok"")");
  check("", failed(DeliveryResult::timed_out, ""), "timeout", "Request timed out");
  check("", failed(DeliveryResult::transport_error, "connection refused"), "failed",
        "Transport error: connection refused");
  check("", failed(DeliveryResult::blocked, "10.0.0.1"), "failed", "Blocked address: 10.0.0.1");
}

TEST_CASE("an attempt that cannot be sent in time is missed") {
  RunningApi server;
  const auto first = server.send(server.create(R"({"url":"https://example.com","queue":"q"})"));
  const auto task = server.create(R"({"url":"https://example.com","queue":"q","expires_in":"30s"})");
  server.clock.advance(seconds{31});
  server.finish(first, 200);
  REQUIRE(eventually([&] { return server.executions_of(task).at(0).at("status") == "missed"; }));
  CHECK(server.executions_of(task).at(0).at("started_at").is_null());
  CHECK(server.task(task).at("last_execution_status") == "missed");
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE("a response that is no text is kept as base64") {
  RunningApi server;
  const auto execution = server.send(server.create(R"({"url":"https://example.com"})"));
  auto outcome = server.transport().response(200);
  outcome.body = std::string("\xff\0", 2);
  outcome.headers = {{"X-Name", "caf\xe9"}};
  server.finish(execution, outcome);
  CHECK(server.execution(execution).at("response_body") == "/wA=");
  CHECK(server.execution(execution).at("response_headers").at("X-Name") == "caf\xc3\xa9");
}
