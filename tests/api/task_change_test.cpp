#include <algorithm>
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr const char* once_task =
    R"({"url":"https://example.com/x","run_at":"2026-01-15T13:00:00.123456Z","queue":"q"})";
constexpr const char* cron_task = R"({"url":"https://example.com/x","cron":"@daily","timezone":"Europe/Berlin"})";

}  // namespace

TEST_CASE("a change touches only the fields it gives") {
  RunningApi server;
  const auto method = GENERATE("PUT", "PATCH");
  const auto id = server.create(once_task);
  auto wanted = server.spec_of(id);
  wanted.name = "new";
  wanted.timeout = milliseconds{5000};
  const auto reply = server.client().request(method, "/api/v1/tasks/" + id, R"({"name":"new","timeout_ms":5000})");
  CHECK(reply.status == 200);
  CHECK(reply.json().at("data").at("name") == "new");
  CHECK(server.spec_of(id) == wanted);
}

TEST_CASE("what GET gave can be put back without effect") {
  RunningApi server;
  const auto id = server.create(
      GENERATE(as<std::string>{}, once_task, cron_task, R"({"url":"https://example.com","body":{"a":1}})"));
  const auto put_back = [&] {
    const auto before = server.spec_of(id);
    const auto got = server.task(id);
    const auto executions = server.executions_of(id);
    const auto reply = server.client().request("PUT", "/api/v1/tasks/" + id, boost::json::serialize(got));
    CHECK(reply.status == 200);
    CHECK(reply.json().at("data") == got);
    CHECK(server.task(id) == got);
    CHECK(server.spec_of(id) == before);
    CHECK(server.executions_of(id).size() == executions.size());
  };
  put_back();
  if (server.spec_of(id).schedule_type == ScheduleType::cron) REQUIRE(server.trigger(id).status == 202);
  server.run(id);
  server.clock.advance(std::chrono::hours{24 * 30});
  // The schedule steps past the days that have gone by.
  REQUIRE(eventually([&] {
    const auto next = server.task(id).at("next_run_at");
    return next.is_null() || parse_rfc3339(next.as_string()) > server.clock.now();
  }));
  put_back();
}

TEST_CASE("a new time may stand beside the one that GET gave") {
  RunningApi server;
  const auto put_with = [&](const std::string& id, const char* key, const boost::json::value& value) {
    auto task = server.task(id).as_object();
    task[key] = value;
    return server.client().request("PUT", "/api/v1/tasks/" + id, boost::json::serialize(task));
  };
  const auto once = server.create(once_task);
  CHECK(put_with(once, "delay", "10m").json().at("data").at("scheduled_at") == "2026-01-15T12:10:00.000Z");
  CHECK(put_with(once, "run_at", "2026-02-01T00:00:00Z").json().at("data").at("scheduled_at") ==
        "2026-02-01T00:00:00.000Z");
  CHECK(put_with(once, "cron", "@daily").detail("cron") == "is invalid");
  const auto cron = server.create(cron_task);
  CHECK(put_with(cron, "cron", "@hourly").json().at("data").at("cron_expression") == "@hourly");
  CHECK(put_with(cron, "delay", 5).detail("delay") == "is invalid");
}

TEST_CASE("a new time beside another new one is refused in a change, and both are named") {
  RunningApi server;
  const auto id = server.create(once_task);
  const auto reply = server.patch(id, R"({"scheduled_at":"2026-01-15T13:00:01Z","delay":"10m"})");
  CHECK(reply.status == 400);
  CHECK(reply.error_message() == "only one of cron, delay and run_at can be given, not both scheduled_at and delay");
  const auto cron = server.patch(server.create(cron_task), R"({"cron":"@hourly","cron_expression":"@weekly"})");
  CHECK(cron.error_message() == "only one of cron, delay and run_at can be given, not both cron and cron_expression");
}

TEST_CASE("a change may be wrapped in an object") {
  RunningApi server;
  const auto id = server.create(once_task);
  CHECK(server.patch(id, R"({"task":{"queue":"other"}})").status == 200);
  CHECK(server.spec_of(id).queue == "other");
}

TEST_CASE("a new time moves a one-time task") {
  RunningApi server;
  const auto id = server.create(once_task);
  const auto field = GENERATE("run_at", "scheduled_at");
  const auto reply = server.patch(id, R"({")" + std::string(field) + R"(":"2026-01-15T16:00:00+02:00"})");
  CHECK(reply.json().at("data").at("scheduled_at") == "2026-01-15T14:00:00.000Z");
  CHECK(reply.json().at("data").at("next_run_at") == "2026-01-15T14:00:00.000Z");
  CHECK(server.executions_of(id).at(0).at("scheduled_for") == "2026-01-15T14:00:00.000Z");
}

TEST_CASE("a new delay moves a one-time task to that long after now") {
  RunningApi server;
  const auto id = server.create(once_task);
  const auto reply = server.patch(id, R"({"delay":"10m"})");
  CHECK(reply.json().at("data").at("scheduled_at") == "2026-01-15T12:10:00.000Z");
  CHECK(server.executions_of(id).at(0).at("scheduled_for") == "2026-01-15T12:10:00.000Z");
}

TEST_CASE("a time for a task that has run is a conflict") {
  RunningApi server;
  const auto id = server.create(once_task);
  server.run(id);
  const auto reply = server.patch(id, R"({"delay":"10m"})");
  CHECK(reply.status == 409);
  CHECK(reply.error_code() == "conflict");
}

TEST_CASE("a cron task takes a new expression, zone and policies") {
  RunningApi server;
  const auto id = server.create(cron_task);
  const auto reply = server.patch(
      id,
      R"({"cron":"*/5 * * * *","timezone":"UTC","misfire":"skip","overlap":"skip","enabled":false,"schedule_type":"cron"})");
  CHECK(reply.status == 200);
  const auto spec = server.spec_of(id);
  CHECK(spec.cron_expression == "*/5 * * * *");
  CHECK(spec.timezone == "UTC");
  CHECK(spec.misfire == Misfire::skip);
  CHECK_FALSE(spec.enabled);
}

TEST_CASE("null removes a value that is optional") {
  RunningApi server;
  const auto id =
      server.create(R"({"url":"https://example.com","headers":{"A":"b"},"body":"x","queue":"q","retry_delay":5,
    "callback_url":"https://a.example","expected_status_codes":"200","notify_on_failure":true})");
  const auto reply =
      server.patch(id, R"({"headers":null,"body":null,"queue":null,"retry_delay":null,"callback_url":null,
    "expected_status_codes":null,"notify_on_failure":null})");
  CHECK(reply.status == 200);
  const auto spec = server.spec_of(id);
  CHECK(spec.headers.empty());
  CHECK(spec.body.empty());
  CHECK_FALSE(spec.queue);
  CHECK_FALSE(spec.retry_delay);
  CHECK_FALSE(spec.callback_url);
  CHECK_FALSE(spec.expected_status_codes);
  CHECK_FALSE(spec.notify_on_failure);
}

TEST_CASE("null is refused where a value is needed") {
  RunningApi server;
  const auto id = server.create(cron_task);
  for (const std::string field : {"url", "name", "method", "cron", "cron_expression", "timezone", "timeout_ms",
                                  "retry_attempts", "enabled", "misfire", "overlap", "schedule_type"}) {
    INFO(field);
    CHECK(server.patch(id, "{\"" + field + "\":null}").detail(field) == "can't be blank");
  }
}

TEST_CASE("a blank name is refused in a change") {
  RunningApi server;
  CHECK(server.patch(server.create(once_task), R"({"name":" "})").detail("name") == "can't be blank");
}

TEST_CASE("fields of the other kind are refused in a change") {
  RunningApi server;
  const auto once = server.create(once_task);
  const auto cron = server.create(cron_task);
  CHECK(server.patch(once, R"({"cron":"@daily"})").detail("cron") == "is invalid");
  CHECK(server.patch(once, R"({"timezone":"Europe/Berlin"})").detail("timezone") == "is invalid");
  CHECK(server.patch(once, R"({"enabled":false})").detail("enabled") == "is invalid");
  CHECK(server.patch(once, R"({"schedule_type":"cron"})").detail("schedule_type") == "is invalid");
  CHECK(server.patch(cron, R"({"delay":"5m"})").detail("delay") == "is invalid");
  CHECK(server.patch(cron, R"({"run_at":"2026-02-01T00:00:00Z"})").detail("run_at") == "is invalid");
  CHECK(server.patch(cron, R"({"scheduled_at":"2026-02-01T00:00:00Z"})").detail("scheduled_at") == "is invalid");
  CHECK(server.patch(cron, R"({"schedule_type":"once"})").detail("schedule_type") == "is invalid");
}

TEST_CASE("cron-only fields at their defaults are ignored in a change of a one-time task") {
  RunningApi server;
  const auto id = server.create(once_task);
  CHECK(
      server.patch(id, R"({"enabled":true,"timezone":"UTC","misfire":"last","overlap":"allow","cron":null})").status ==
      200);
}

TEST_CASE("a change is checked like a creation") {
  RunningApi server;
  const auto id = server.create(cron_task);
  const auto reply = server.patch(id, R"({"url":"x","cron":"never","colour":1,"timeout_ms":1})");
  CHECK(reply.status == 422);
  CHECK(reply.detail("url") == "must be a valid HTTP or HTTPS URL");
  CHECK(reply.detail("cron") == "is not a valid cron expression");
  CHECK(reply.detail("colour") == "is not a known field");
  CHECK(reply.detail("timeout_ms") == "must be greater than or equal to 1000");
  CHECK(server.patch(id, R"({"timezone":"Nowhere"})").detail("timezone") == "is not a known time zone");
  CHECK(server.patch(id, R"({"delay":"x"})").detail("delay") == "is invalid");
  CHECK(server.patch(id, "[").error_code() == "invalid_json");
}

TEST_CASE("a bad delay for a one-time task is 400 in a change, too") {
  RunningApi server;
  const auto id = server.create(once_task);
  CHECK(server.patch(id, R"({"delay":"x"})").error_code() == "invalid_delay");
  CHECK(server.patch(id, R"({"run_at":"x"})").error_code() == "invalid_run_at");
  CHECK(server.patch(id, R"({"delay":5,"run_at":"2026-02-01T00:00:00Z"})").error_code() == "invalid_params");
  CHECK(server.patch(id, R"({"run_at":"2026-01-01T00:00:00Z"})").detail("run_at") == "must be in the future");
}

TEST_CASE("the content type of a JSON body goes when the body becomes text") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","body":{"a":1},"delay":60})");
  CHECK(server.task(id).at("headers") == boost::json::object{});
  CHECK(server.patch(id, R"({"body":"plain"})").status == 200);
  server.run(id);
  const auto headers = server.transport().started().back().headers;
  CHECK(std::count(headers.begin(), headers.end(), std::pair<std::string, std::string>("Content-Type", "text/plain")) ==
        1);
}

TEST_CASE("changes of tasks that are not there are 404") {
  RunningApi server;
  const auto id = server.create(once_task);
  for (const std::string path : {"/api/v1/tasks/nonsense", "/api/v1/tasks/01890000-0000-7000-8000-000000000000"}) {
    CHECK(server.client().request("PATCH", path, "{}").status == 404);
    CHECK(server.client().request("DELETE", path).status == 404);
    CHECK(server.client().post(path + "/trigger", "").status == 404);
    CHECK(server.client().get(path).error_message() == "Resource not found");
  }
  CHECK(server.client(other_key).request("PATCH", "/api/v1/tasks/" + id, "{}").status == 404);
  CHECK(server.client(other_key).get("/api/v1/tasks/" + id).status == 404);
  CHECK(server.client(other_key).request("DELETE", "/api/v1/tasks/" + id).status == 404);
}

TEST_CASE("a deleted task is gone") {
  RunningApi server;
  const auto id = server.create(once_task);
  const auto reply = server.client().request("DELETE", "/api/v1/tasks/" + id);
  CHECK(reply.status == 204);
  CHECK_FALSE(reply.header("Content-Length"));
  CHECK(server.client().get("/api/v1/tasks/" + id).status == 404);
}

TEST_CASE("deleting a queue says how many tasks were cancelled") {
  RunningApi server;
  server.create(once_task);
  server.create(once_task);
  const auto reply = server.client().request("DELETE", "/api/v1/tasks?queue=q");
  CHECK(reply.status == 200);
  CHECK(reply.body == R"({"data":{"cancelled":2},"message":"2 tasks cancelled"})");
}

TEST_CASE("deleting tasks without a queue is refused with 400") {
  RunningApi server;
  server.create(once_task);
  CHECK(server.client().request("DELETE", "/api/v1/tasks").status == 400);
  CHECK(server.client().request("DELETE", "/api/v1/tasks?queue=").status == 400);
  CHECK(server.task_count() == 1);
}
