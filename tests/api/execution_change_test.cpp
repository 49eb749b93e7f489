// POST /executions/:id/cancel, /executions/:id/retry and /executions/retry.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

const std::string executions = "/api/v1/executions/";

struct ExecutionChanges {
  RunningApi server;

  HttpReply post(const std::string& what, std::string_view body = {}, const HeaderList& headers = {}) const {
    return server.client().post(executions + what, body, headers);
  }
  [[nodiscard]] std::string only_execution(const std::string& task) const {
    return text_of(server.executions_of(task).at(0).at("id"));
  }
  // The id of an execution that has failed for good.
  std::string failed(const std::string& more = {}) {
    const auto task = server.create(R"({"url":"https://example.com")" + more + "}");
    return server.run(task, 404);
  }
  [[nodiscard]] std::string status(const std::string& id) const { return text_of(server.execution(id).at("status")); }

  void is_invalid(const std::string& body, const std::string& field, const std::string& message) const {
    INFO(body);
    const auto reply = post("retry", body);
    CHECK(reply.status == 422);
    CHECK(reply.error_code() == "validation_error");
    CHECK(boost::json::serialize(reply.json().at("error").at("details")) ==
          "{\"" + field + "\":[\"" + message + "\"]}");
  }
};

}  // namespace

TEST_CASE_METHOD(ExecutionChanges, "a pending execution is cancelled with 200 and shown as it is") {
  const auto task = server.create(R"({"url":"https://example.com","delay":60})");
  const auto id = only_execution(task);
  const auto reply = post(id + "/cancel");
  CHECK(reply.status == 200);
  CHECK(reply.body == R"({"data":{"id":")" + id + R"(","task_id":")" + task + R"(","run_id":")" + id +
                          R"(","attempt":1,"status":"cancelled","scheduled_for":"2026-01-15T12:01:00.000Z",)"
                          R"("started_at":null,"finished_at":"2026-01-15T12:00:00.000Z","status_code":null,)"
                          R"("duration_ms":null,"error_message":null}})");
  CHECK(status(id) == "cancelled");
  CHECK(server.task(task).at("next_run_at").is_null());
  CHECK(server.task(task).at("last_execution_status") == "cancelled");
  const auto again = post(id + "/cancel");
  CHECK(again.status == 409);
  CHECK(again.error_code() == "conflict");
}

TEST_CASE_METHOD(ExecutionChanges, "a running execution is cancelled with 202, aborted and not retried") {
  const auto task = server.create(R"({"url":"https://example.com"})");
  const auto id = server.send(task);
  const auto reply = post(id + "/cancel");
  CHECK(reply.status == 202);
  CHECK(text_of(reply.json().at("data").at("id")) == id);
  CHECK(reply.json().at("data").at("status") == "running");
  CHECK(reply.json().at("data").at("started_at") == "2026-01-15T12:00:00.000Z");
  CHECK(eventually([&] { return status(id) == "cancelled"; }));
  CHECK(server.executions_of(task).size() == 1);
  CHECK(server.task(task).at("last_execution_status") == "cancelled");
  CHECK(server.task(task).at("next_run_at").is_null());
}

TEST_CASE_METHOD(ExecutionChanges, "a waiting retry is cancelled, and its run is over") {
  const auto task = server.create(R"({"url":"https://example.com"})");
  (void)server.run(task, 503);
  const auto waiting = only_execution(task);
  CHECK(post(waiting + "/cancel").status == 200);
  server.clock.advance(std::chrono::hours{1});
  server.pass_by();
  CHECK(server.executions_of(task).size() == 2);
  CHECK(server.task(task).at("next_run_at").is_null());
}

TEST_CASE_METHOD(ExecutionChanges, "executions that are not there are 404") {
  const auto task = server.create(R"({"url":"https://example.com","delay":60})");
  const auto id = only_execution(task);
  for (const std::string action : {"/cancel", "/retry"}) {
    CHECK(post("nonsense" + action).status == 404);
    CHECK(post("019c0000-0000-7000-8000-000000000000" + action).status == 404);
    CHECK(server.client(other_key).post(executions + id + action, "").status == 404);
  }
  CHECK(status(id) == "pending");
}

TEST_CASE_METHOD(ExecutionChanges, "a finished execution is run again, as a trigger would do it") {
  const auto id = failed();
  const auto reply = post(id + "/retry");
  CHECK(reply.status == 202);
  const auto run = text_of(reply.json().at("data").at("execution_id"));
  CHECK(reply.body == R"({"data":{"execution_id":")" + run +
                          R"(","status":"pending","scheduled_for":"2026-01-15T12:00:00.000Z"},)"
                          R"("message":"Execution queued for retry"})");
  const auto shown = server.execution(run);
  CHECK(text_of(shown.at("run_id")) == run);
  CHECK(shown.at("task_id") == server.execution(id).at("task_id"));
  CHECK(shown.at("attempt") == 1);
  server.finish(server.send(text_of(shown.at("task_id"))), 200);
  CHECK(status(run) == "success");
  CHECK(status(id) == "failed");
}

TEST_CASE_METHOD(ExecutionChanges, "an execution that has not ended is not retried") {
  const auto task = server.create(R"({"url":"https://example.com","delay":60})");
  const auto id = only_execution(task);
  CHECK(post(id + "/retry").status == 409);
  (void)server.send(task);
  const auto reply = post(id + "/retry");
  CHECK(reply.status == 409);
  CHECK(reply.error_code() == "conflict");
  CHECK(server.executions_of(task).size() == 1);
}

TEST_CASE_METHOD(ExecutionChanges, "failed executions are retried in bulk, the earliest first") {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(failed());
    server.clock.advance(seconds{10});
  }
  (void)server.run(server.create(R"({"url":"https://example.com"})"), 200);
  const auto runs_of = [&](const std::string& id) {
    return server.executions_of(text_of(server.execution(id).at("task_id"))).size();
  };
  const auto first = post("retry", R"({"limit":2.0})");
  CHECK(first.status == 202);
  CHECK(first.body == R"({"data":{"retried":2}})");
  CHECK(runs_of(ids[0]) == 2);
  CHECK(runs_of(ids[1]) == 2);
  CHECK(runs_of(ids[2]) == 1);
  CHECK(post("retry").body == R"({"data":{"retried":1}})");
  CHECK(runs_of(ids[2]) == 2);
  CHECK(post("retry", "{}").body == R"({"data":{"retried":0}})");
}

TEST_CASE_METHOD(ExecutionChanges, "a bulk retry takes the filters of the list") {
  const auto plain = failed();
  server.clock.advance(seconds{10});
  (void)failed(R"(,"queue":"mail")");
  server.clock.advance(seconds{10});
  const auto pending = only_execution(server.create(R"({"url":"https://example.com","delay":60})"));
  CHECK(post(pending + "/cancel").status == 200);
  const auto retried = [&](const std::string& body) {
    const auto reply = post("retry", body);
    INFO(reply.body);
    REQUIRE(reply.status == 202);
    return reply.json().at("data").at("retried").as_int64();
  };
  CHECK(retried(R"({"status":"timeout"})") == 0);
  CHECK(retried(R"({"queue":"other"})") == 0);
  CHECK(retried(R"({"since":"2026-01-15T12:00:20Z"})") == 0);
  CHECK(retried(R"({"until":"2026-01-15T12:00:00Z"})") == 0);
  CHECK(retried(R"({"queue":"mail","status":["failed","missed"],"since":null})") == 1);
  CHECK(retried(R"({"task_id":)" + boost::json::serialize(server.execution(plain).at("task_id")) + "}") == 1);
  CHECK(retried(R"({"status":"cancelled"})") == 1);
  CHECK(retried("{}") == 0);
}

TEST_CASE_METHOD(ExecutionChanges, "what a bulk retry cannot understand is refused") {
  is_invalid(R"({"state":"failed"})", "state", "is not a known field");
  is_invalid(R"({"state":null})", "state", "is not a known field");
  is_invalid(R"({"status":"success"})", "status", "is invalid");
  is_invalid(R"({"status":["failed","nonsense"]})", "status", "is invalid");
  is_invalid(R"({"status":[]})", "status", "can't be blank");
  is_invalid(R"({"status":7})", "status", "is invalid");
  is_invalid(R"({"task_id":"x"})", "task_id", "is invalid");
  is_invalid(R"({"queue":1})", "queue", "is invalid");
  is_invalid(R"({"since":"yesterday"})", "since", "must be a valid ISO 8601 datetime");
  is_invalid(R"({"limit":0})", "limit", "must be greater than or equal to 1");
  is_invalid(R"({"limit":1001})", "limit", "must be less than or equal to 1000");
  is_invalid(R"({"limit":18446744073709551616})", "limit", "must be less than or equal to 1000");
  is_invalid(R"({"limit":-9223372036854775809})", "limit", "must be greater than or equal to 1");
  is_invalid(R"({"limit":1.5})", "limit", "is invalid");
  is_invalid(R"({"limit":"9"})", "limit", "is invalid");
  CHECK(post("retry", "[]").error_code() == "invalid_params");
  CHECK(post("retry", "{").error_code() == "invalid_json");
  CHECK(post("retry", R"({"task_id":"019c0000-0000-7000-8000-000000000000"})").status == 404);
}

TEST_CASE_METHOD(ExecutionChanges, "another organisation's executions are not retried in bulk") {
  const auto id = failed();
  const auto reply = server.client(other_key).post(executions + "retry", "{}");
  CHECK(reply.body == R"({"data":{"retried":0}})");
  const auto task = boost::json::serialize(server.execution(id).at("task_id"));
  CHECK(server.client(other_key).post(executions + "retry", "{\"task_id\":" + task + "}").status == 404);
}

TEST_CASE_METHOD(ExecutionChanges, "cancelling and retrying can be repeated with their key") {
  const auto pending = only_execution(server.create(R"({"url":"https://example.com","delay":60})"));
  const auto done = failed();
  int number = 0;
  for (const std::string& what : {pending + "/cancel", done + "/retry", std::string("retry")}) {
    INFO(what);
    const HeaderList key{{"Idempotency-Key", std::to_string(++number)}};
    const auto first = post(what, {}, key);
    const auto second = post(what, {}, key);
    CHECK(first.status < 300);
    CHECK(second.status == first.status);
    CHECK(second.body == first.body);
    CHECK(second.header("Idempotent-Replayed") == "true");
  }
  CHECK(server.executions_of(text_of(server.execution(done).at("task_id"))).size() == 2);
}

TEST_CASE_METHOD(ExecutionChanges, "lists of executions take every filter, alone and together") {
  const auto queued = server.create(R"({"url":"https://example.com","queue":"mail"})");
  const auto failed_one = server.run(queued, 404);
  server.clock.advance(seconds{10});
  const auto plain = server.create(R"({"url":"https://example.com"})");
  const auto done = server.run(plain, 200);
  server.clock.advance(seconds{10});
  const auto running = server.send(server.create(R"({"url":"https://example.com","queue":"mail"})"));
  const auto pending = only_execution(server.create(R"({"url":"https://example.com","delay":60})"));
  const auto waiting = only_execution(server.create(R"({"url":"https://example.com","delay":90,"queue":"mail"})"));
  const auto found = [&](const std::string& query) {
    std::vector<std::string> ids;
    const auto data = server.get("/api/v1/executions?" + query);
    for (const auto& one : data.as_array()) ids.push_back(text_of(one.at("id")));
    return ids;
  };
  using Ids = std::vector<std::string>;
  CHECK(found("") == Ids{waiting, pending, running, done, failed_one});
  CHECK(found("status=failed") == Ids{failed_one});
  CHECK(found("status=failed&queue=mail") == Ids{failed_one});
  CHECK(found("status=failed&queue=other").empty());
  CHECK(found("status=success") == Ids{done});
  CHECK(found("status=success&queue=mail").empty());
  CHECK(found("status=pending") == Ids{waiting, pending});
  CHECK(found("status=pending&limit=1") == Ids{waiting});
  CHECK(found("status=pending&offset=1") == Ids{pending});
  CHECK(found("status=pending&queue=mail") == Ids{waiting});
  CHECK(found("status=running") == Ids{running});
  CHECK(found("status=running&queue=other").empty());
  CHECK(found("queue=mail") == Ids{waiting, running, failed_one});
  CHECK(found("queue=mail&since=2026-01-15T12:00:20Z") == Ids{waiting, running});
  CHECK(found("queue=mail&until=2026-01-15T12:00:20Z") == Ids{failed_one});
  CHECK(found("task_id=" + queued) == Ids{failed_one});
  CHECK(found("task_id=" + queued + "&status=success").empty());
  CHECK(found("status=failed&since=2026-01-15T12:00:01Z").empty());
}
