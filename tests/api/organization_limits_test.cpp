// What an operator has set for an organisation, as its clients meet it.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

// As `punctual org set` does it; the server notices within the time that a key is believed for.
void limit(RunningApi& server, const std::function<void(OrganizationLimits&)>& set) {
  const auto owner = server.storage().directory().find_key(first_key.substr(0, 32)).value().organization.id;
  REQUIRE(server.storage().directory().change_organization(owner, [&](Organization& one) -> std::optional<AuditEntry> {
    set(one.limits);
    return std::nullopt;
  }));
  server.clock.advance(seconds{5});
}

constexpr std::string_view soon = R"({"url":"https://example.com","delay":"1h"})";

std::string error_code(const HttpReply& reply) { return text_of(reply.json().at("error").at("code")); }

}  // namespace

TEST_CASE("executions beyond the month's quota are 422 limit_exceeded, on every way to start one") {
  RunningApi server;
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 2; });
  const auto id = server.create(soon);
  CHECK(server.trigger(id).status == 202);
  const auto refused = server.client().post("/api/v1/tasks", soon);
  CHECK(refused.status == 422);
  CHECK(refused.body == R"({"error":{"code":"limit_exceeded","message":"monthly_executions: the organisation's )"
                        R"(limit of 2 executions a month is reached"}})");
  CHECK(server.trigger(id).status == 422);
  CHECK(error_code(server.trigger(id)) == "limit_exceeded");
  CHECK(server.task_count() == 1);
  CHECK(server.client(other_key).post("/api/v1/tasks", soon).status == 202);
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 3; });
  CHECK(server.trigger(id).status == 202);
}

TEST_CASE("batches and repetitions of executions count for the month's quota") {
  RunningApi server;
  const auto failed = server.run(server.create(R"({"url":"https://example.com"})"), 404);
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 3; });
  const auto client = server.client();
  const auto batch = [&](const std::string& items) {
    return client.post("/api/v1/tasks/batch", R"({"url":"https://example.com","delay":"1h","items":)" + items + "}");
  };
  const auto refused = batch("[1,2,3,4]");
  CHECK(refused.status == 422);
  CHECK(error_code(refused) == "limit_exceeded");
  CHECK(server.task_count() == 1);
  CHECK(batch("[1,2]").status == 201);
  CHECK(client.post("/api/v1/executions/" + failed + "/retry", "").status == 202);
  CHECK(error_code(client.post("/api/v1/executions/" + failed + "/retry", "")) == "limit_exceeded");
}

TEST_CASE("a bulk repetition takes what the quota leaves, and is 422 when that is nothing") {
  RunningApi server;
  for (int i = 0; i < 3; ++i) (void)server.run(server.create(R"({"url":"https://example.com"})"), 404);
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 2; });
  const auto retry = [&] { return server.client().post("/api/v1/executions/retry", "{}"); };
  CHECK(retry().body == R"({"data":{"retried":2}})");
  const auto refused = retry();
  CHECK(refused.status == 422);
  CHECK(error_code(refused) == "limit_exceeded");
}

TEST_CASE("a batch and a sync are bound by max_tasks and min_cron_interval, named with their places") {
  RunningApi server;
  limit(server, [](OrganizationLimits& limits) {
    limits.max_tasks = 2;
    limits.min_cron_interval = seconds{300};
  });
  const auto named = [](const std::string& name, const std::string& cron) {
    return R"({"name":")" + name + R"(","url":"https://example.com","cron":")" + cron + R"("})";
  };
  const auto list = [&](const std::string& last) {
    return R"({"tasks":[)" + named("a", "@hourly") + "," + last + R"(],"delete_removed":true})";
  };
  const auto client = server.client();
  const auto batch = [&](const std::string& last) {
    return client.post("/api/v1/tasks/batch", R"({"tasks":[)" + named("x", "@daily") + "," + last + "]}");
  };
  const auto put = [&](const std::string& last) { return client.request("PUT", "/api/v1/sync", list(last)); };
  const std::string too_often = "must leave at least 5 minutes between runs";
  CHECK(batch(named("b", "* * * * *")).detail("tasks[1].cron") == too_often);
  CHECK(put(named("b", "* * * * *")).detail("tasks[1].cron") == too_often);
  CHECK(server.task_count() == 0);
  CHECK(put(named("b", "@daily")).status == 200);
  CHECK(put(named("b", "*/2 * * * *")).detail("tasks[1].cron") == too_often);
  CHECK(error_code(batch(named("y", "@daily"))) == "limit_exceeded");
  const auto third = put(named("b", "@daily") + "," + named("c", "@daily"));
  CHECK(third.status == 422);
  CHECK(third.body == R"({"error":{"code":"limit_exceeded","message":"max_tasks: the organisation's limit of 2 cron )"
                      R"(tasks is reached"}})");
  // One goes as another comes.
  CHECK(put(named("c", "@daily")).status == 200);
  CHECK(server.task_count() == 2);
}

TEST_CASE("a request that was refused for a limit may be repeated with its key") {
  RunningApi server;
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 1; });
  (void)server.create(soon);
  const HeaderList key{{"Idempotency-Key", "k"}};
  CHECK(server.client().request("POST", "/api/v1/tasks", soon, key).status == 422);
  CHECK(server.client().request("POST", "/api/v1/tasks", soon, key).status == 422);
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 2; });
  CHECK(server.client().request("POST", "/api/v1/tasks", soon, key).status == 202);
  CHECK(server.client().request("POST", "/api/v1/tasks", soon, key).status == 202);  // replayed
  CHECK(server.task_count() == 2);
}

TEST_CASE("cron tasks beyond max_tasks are 422 limit_exceeded, one-time tasks are not counted") {
  RunningApi server;
  constexpr std::string_view daily = R"({"url":"https://example.com","cron":"@daily"})";
  limit(server, [](OrganizationLimits& limits) { limits.max_tasks = 1; });
  const auto id = server.create(daily);
  const auto refused = server.client().post("/api/v1/tasks", daily);
  CHECK(refused.status == 422);
  CHECK(error_code(refused) == "limit_exceeded");
  CHECK(server.client().post("/api/v1/tasks", soon).status == 202);
  CHECK(server.remove(id).status == 204);
  CHECK(server.client().post("/api/v1/tasks", daily).status == 201);
}

TEST_CASE("a cron expression that comes more often than allowed is 422 on cron, in creation and in an edit") {
  RunningApi server;
  const auto body = [](const std::string& expression) {
    return R"({"url":"https://example.com","cron":")" + expression + R"("})";
  };
  const auto before = server.create(body("* * * * *"));
  limit(server, [](OrganizationLimits& limits) { limits.min_cron_interval = seconds{300}; });
  const auto refused = server.client().post("/api/v1/tasks", body("*/7 * * * *"));
  CHECK(refused.status == 422);
  CHECK(error_code(refused) == "validation_error");
  CHECK(refused.detail("cron") == "must leave at least 5 minutes between runs");
  const auto id = server.create(body("*/5 * * * *"));
  CHECK(server.patch(id, R"({"cron":"*/4 * * * *"})").detail("cron") == "must leave at least 5 minutes between runs");
  CHECK(text_of(server.task(id).at("cron_expression")) == "*/5 * * * *");
  // What was there before may be changed in all else, and switched off, but not on again.
  CHECK(server.patch(before, R"({"name":"other"})").status == 200);
  CHECK(server.patch(before, R"({"enabled":false})").status == 200);
  CHECK(server.patch(before, R"({"enabled":true})").detail("cron") == "must leave at least 5 minutes between runs");
}

TEST_CASE("what an organisation keeps no longer is not shown") {
  RunningApi server;
  const auto old = server.create(R"({"url":"https://example.com/old"})");
  const auto old_execution = server.run(old);
  const auto tick = server.create(R"({"url":"https://example.com","cron":"@yearly"})");
  CHECK(server.get("/api/v1/executions").as_array().size() == 1);
  limit(server, [](OrganizationLimits& limits) { limits.retention = seconds{3600}; });
  CHECK(server.get("/api/v1/executions").as_array().size() == 1);
  server.clock.advance(std::chrono::hours{2});
  const auto client = server.client();
  CHECK(client.get("/api/v1/tasks/" + old).status == 404);
  CHECK(client.get("/api/v1/executions/" + old_execution).status == 404);
  CHECK(client.get("/api/v1/tasks/" + old + "/executions").status == 404);
  CHECK(server.get("/api/v1/executions").as_array().empty());
  CHECK(client.get("/api/v1/executions?task_id=" + old).status == 404);
  for (const char* filter : {"?status=success", "?queue=none", "?status=failed", "?until=2026-01-16T00:00:00Z"}) {
    CHECK(server.get(std::string("/api/v1/executions") + filter).as_array().empty());
  }
  CHECK(client.post("/api/v1/executions/" + old_execution + "/retry", "").status == 404);
  CHECK(client.post("/api/v1/executions/" + old_execution + "/cancel", "").status == 404);
  CHECK(server.trigger(old).status == 404);
  CHECK(server.remove(old).status == 404);
  const auto tasks = server.get("/api/v1/tasks").as_array();
  REQUIRE(tasks.size() == 1);
  CHECK(text_of(tasks[0].at("id")) == tick);
  CHECK(server.get("/api/v1/tasks?status=success").as_array().empty());
}

TEST_CASE("the server's retention holds for those without one, though others keep for longer") {
  RunningApi server;
  const auto mine = server.run(server.create(R"({"url":"https://example.com/mine"})"));
  const auto foreign =
      server.client(other_key).post("/api/v1/tasks", R"({"url":"https://example.com/foreign"})").json();
  const auto execution = text_of(foreign.at("data").at("execution_id"));
  REQUIRE(eventually([&] { return server.transport().started().size() == 2; }));
  server.transport().finish(ExecutionId::parse(execution).value(), 200);
  const auto path = "/api/v1/executions/" + execution;
  REQUIRE(eventually(
      [&] { return text_of(server.client(other_key).get(path).json().at("data").at("status")) == "success"; }));
  limit(server, [](OrganizationLimits& limits) { limits.retention = std::chrono::days{60}; });
  server.clock.advance(std::chrono::days{40});
  CHECK(eventually([&] { return server.client(other_key).get(path).status == 404; }));
  CHECK(server.client(other_key).get("/api/v1/tasks").json().at("data").as_array().empty());
  CHECK(server.client().get("/api/v1/executions/" + mine).status == 200);
}

TEST_CASE("a key that has expired is 401") {
  RunningApi server;
  auto owner = server.storage().directory().find_key(first_key.substr(0, 32)).value();
  const std::string text = "pk_live_cccccccccccccccccccccccc.sk_live_" + std::string(43, 'a');
  ApiKey key = owner.key;
  key.id.value.bytes[0] = 9;
  key.public_id = text.substr(0, 32);
  key.expires_at = server.clock.now() + seconds{2};
  server.storage().directory().create_key(key);
  CHECK(server.client(text).get("/api/v1/tasks").status == 200);
  server.clock.advance(milliseconds{1999});
  CHECK(server.client(text).get("/api/v1/tasks").status == 200);
  server.clock.advance(milliseconds{1});
  const auto reply = server.client(text).get("/api/v1/tasks");
  CHECK(reply.status == 401);
  CHECK(reply.body == R"({"error":{"code":"unauthorized","message":"Invalid or missing API key"}})");
}
