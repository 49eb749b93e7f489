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
