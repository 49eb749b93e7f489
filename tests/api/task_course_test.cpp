// What a task's executions do when the task is edited, deleted or triggered, before, while and after it is sent.
#include <algorithm>
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

constexpr const char* in_a_minute = R"({"url":"https://example.com/x","delay":"1m"})";

std::size_t sent_to(RunningApi& server, std::string_view url) {
  const auto started = server.transport().started();
  return static_cast<std::size_t>(
      std::count_if(started.begin(), started.end(), [&](const Delivery& one) { return one.url == url; }));
}

// Its one execution.
boost::json::value execution_of(const RunningApi& server, const std::string& task) {
  const auto all = server.executions_of(task);
  REQUIRE(all.size() == 1);
  return all[0];
}

}  // namespace

TEST_CASE("a moved task is sent at its new time and not at its old one") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  CHECK(server.patch(id, R"({"delay":"2m"})").status == 200);
  server.clock.advance(90s);
  server.pass_by();
  CHECK(sent_to(server, "https://example.com/x") == 0);
  CHECK(text_of(execution_of(server, id).at("status")) == "pending");
  server.run(id);
  CHECK(format_rfc3339(server.clock.now()) == "2026-01-15T12:02:00.000Z");
  CHECK(text_of(server.task(id).at("last_execution_status")) == "success");
}

TEST_CASE("a task is sent as it is at its time, also when it was claimed before") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  server.advance_until_claimed(59'500ms, id);
  CHECK(server.patch(id, R"({"url":"https://example.com/y","body":"new","headers":{"X-A":"b"}})").status == 200);
  server.send(id);
  const auto sent = server.transport().started().at(0);
  CHECK(sent.url == "https://example.com/y");
  CHECK(sent.body == "new");
  CHECK(std::count(sent.headers.begin(), sent.headers.end(), std::pair<std::string, std::string>("X-A", "b")) == 1);
}

TEST_CASE("a task that is being sent is not moved by an edit, but changed") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  const auto execution = server.send(id);
  for (const std::string body : {R"({"delay":"5m"})", R"({"run_at":"2026-01-16T00:00:00Z"})"}) {
    const auto refused = server.patch(id, body);
    CHECK(refused.status == 409);
    CHECK(refused.error_code() == "conflict");
  }
  CHECK(server.patch(id, R"({"name":"new"})").status == 200);
  server.finish(execution, 200);
  CHECK(text_of(server.task(id).at("name")) == "new");
  CHECK(execution_of(server, id).at("status") == "success");
}

TEST_CASE("an edit of a finished task runs nothing") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  server.run(id);
  CHECK(server.patch(id, R"({"name":"new","url":"https://example.com/y"})").status == 200);
  CHECK(server.patch(id, R"({"run_at":"2026-01-16T00:00:00Z"})").status == 409);
  server.pass_by();
  CHECK(sent_to(server, "https://example.com/y") == 0);
  CHECK(execution_of(server, id).at("status") == "success");
  CHECK(server.task(id).at("next_run_at").is_null());
}

TEST_CASE("deleting a task cancels its execution for good") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  const auto execution = text_of(execution_of(server, id).at("id"));
  if (GENERATE(false, true)) server.advance_until_claimed(59'500ms, id);
  CHECK(server.remove(id).status == 204);
  CHECK(server.remove(id).status == 404);
  CHECK(server.trigger(id).status == 404);
  CHECK(server.patch(id, "{}").status == 404);
  CHECK(server.client().get("/api/v1/tasks/" + id + "/executions").status == 404);
  CHECK(server.get("/api/v1/tasks").as_array().empty());
  CHECK(server.execution(execution).at("status") == "cancelled");
  server.clock.advance(60s);
  server.pass_by();
  CHECK(sent_to(server, "https://example.com/x") == 0);
  CHECK(server.execution(execution).at("status") == "cancelled");
}

TEST_CASE("the running attempt of a deleted task ends and is not retried") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  const auto execution = server.send(id);
  CHECK(server.remove(id).status == 204);
  server.finish(execution, 500);
  CHECK(server.execution(execution).at("status") == "failed");
  CHECK(server.get("/api/v1/executions").as_array().size() == 1);
  server.clock.advance(1h);
  server.pass_by();
  CHECK(sent_to(server, "https://example.com/x") == 1);
}

TEST_CASE("a retry that waits is moved by an edit and cancelled by a deletion") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  server.run(id, 500);
  CHECK(server.patch(id, R"({"delay":"5m"})").status == 200);
  const auto retry = server.executions_of(id).at(0);
  CHECK(retry.at("attempt") == 2);
  CHECK(retry.at("scheduled_for") == "2026-01-15T12:06:00.000Z");
  CHECK(server.remove(id).status == 204);
  CHECK(server.execution(text_of(retry.at("id"))).at("status") == "cancelled");
  server.clock.advance(1h);
  server.pass_by();
  CHECK(sent_to(server, "https://example.com/x") == 1);
}

TEST_CASE("an edit of the time moves the task's own run, not the retry of one that was triggered") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com/x","delay":"1h","retry_delay":"30m"})");
  REQUIRE(server.trigger(id).status == 202);
  server.run(id, 500);
  CHECK(server.patch(id, R"({"run_at":"2027-05-01T12:00:00Z"})").status == 200);
  const auto all = server.executions_of(id);
  REQUIRE(all.size() == 3);
  CHECK(all[0].at("scheduled_for") == "2027-05-01T12:00:00.000Z");
  CHECK(all[0].at("attempt") == 1);
  CHECK(all[1].at("scheduled_for") == "2026-01-15T12:30:00.000Z");
  CHECK(all[1].at("attempt") == 2);
}

TEST_CASE("a task that its target disabled can be put back as it is shown") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  server.run(id, 410);
  const auto shown = server.task(id);
  CHECK_FALSE(shown.at("enabled").as_bool());
  CHECK(server.patch(id, boost::json::serialize(shown)).status == 200);
  CHECK(server.task(id) == shown);
  CHECK(execution_of(server, id).at("status") == "failed");
}

TEST_CASE("deleting a queue leaves everything else") {
  RunningApi server;
  const std::string queued = R"({"url":"https://example.com/x","delay":"1h","queue":"a & b"})";
  const auto waiting = server.create(queued);
  const auto finished = server.create(R"({"url":"https://example.com/x","queue":"a & b"})");
  server.run(finished);
  const auto elsewhere = server.create(R"({"url":"https://example.com/x","delay":"1h","queue":"a"})");
  REQUIRE(server.client(other_key).post("/api/v1/tasks", queued).status == 202);
  const auto reply = server.client().request("DELETE", "/api/v1/tasks?queue=a+%26%20b");
  CHECK(reply.body == R"({"data":{"cancelled":1},"message":"1 tasks cancelled"})");
  CHECK(server.client().get("/api/v1/tasks/" + waiting).status == 404);
  CHECK(server.client().get("/api/v1/tasks/" + finished).status == 200);
  CHECK(execution_of(server, elsewhere).at("status") == "pending");
  CHECK(server.client(other_key).get("/api/v1/tasks?queue=a+%26+b").json().at("data").as_array().size() == 1);
  CHECK(server.client().request("DELETE", "/api/v1/tasks?queue=a+%26%20b").json().at("data").at("cancelled") == 0);
}

TEST_CASE("a triggered run is a run of its own, also of a finished task") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  const auto first = server.run(id);
  const auto reply = server.trigger(id);
  CHECK(reply.json().at("data").at("status") == "pending");
  CHECK(reply.json().at("data").at("scheduled_for") == "2026-01-15T12:01:00.000Z");
  const auto second = server.run(id);
  CHECK(second == text_of(reply.json().at("data").at("execution_id")));
  CHECK(second != first);
  CHECK(server.execution(second).at("run_id") == server.execution(second).at("id"));
  CHECK(server.execution(second).at("attempt") == 1);
  CHECK(server.executions_of(id).size() == 2);
}

TEST_CASE("a triggered run leaves the task's own for its time") {
  RunningApi server;
  const auto id = server.create(in_a_minute);
  REQUIRE(server.trigger(id).status == 202);
  server.run(id);
  CHECK(server.task(id).at("next_run_at") == "2026-01-15T12:01:00.000Z");
  server.run(id);
  CHECK(format_rfc3339(server.clock.now()) == "2026-01-15T12:01:00.000Z");
  CHECK(server.task(id).at("next_run_at").is_null());
}

TEST_CASE("a disabled cron task is sent when it is triggered") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com/x","cron":"@daily","enabled":false})");
  REQUIRE(server.trigger(id).status == 202);
  server.run(id);
  const auto task = server.task(id);
  CHECK(task.at("last_execution_status") == "success");
  CHECK(task.at("last_execution_at") == "2026-01-15T12:00:00.000Z");
  CHECK(task.at("next_run_at").is_null());
}

TEST_CASE("what was accepted is still to be done after a restart") {
  RunningApi server;
  const auto waiting = server.create(in_a_minute);
  const auto under_way = server.create(R"({"url":"https://example.com/now"})");
  const auto execution = server.send(under_way);
  const auto before = server.task(waiting);
  server.restart();
  CHECK(server.task(waiting) == before);
  CHECK(server.run(under_way) == execution);
  CHECK(server.execution(execution).at("attempt") == 1);
  server.run(waiting);
  CHECK(server.executions_of(waiting).size() == 1);
}
