// The audit log as clients see it.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;
using Catch::Contains;

namespace {

boost::json::array audit(const RunningApi& server, const std::string& query = "") {
  return server.get("/api/v1/audit" + query).as_array();
}

std::vector<std::string> actions(const RunningApi& server, const std::string& query = "") {
  std::vector<std::string> out;
  for (const auto& entry : audit(server, query)) out.push_back(text_of(entry.at("action")));
  return out;
}

using Texts = std::vector<std::string>;
constexpr std::string_view cron_body = R"({"url":"https://example.com","cron":"0 9 * * *","name":"report"})";

}  // namespace

TEST_CASE("every change of a cron task is in the audit log, newest first") {
  RunningApi server;
  const auto id = server.create(cron_body);
  server.clock.advance(seconds{1});
  CHECK(server.patch(id, R"({"name":"weekly","headers":{"X-Secret":"hidden"}})").status == 200);
  server.clock.advance(seconds{1});
  CHECK(server.remove(id).status == 204);
  const auto entries = audit(server);
  REQUIRE(entries.size() == 3);
  CHECK(actions(server) == Texts{"task.deleted", "task.updated", "task.created"});
  CHECK(keys_of(entries[1]) == Texts{"at", "actor", "action", "subject", "detail", "changes"});
  CHECK(entries[1].at("at") == "2026-01-15T12:00:01.000Z");
  CHECK(text_of(entries[1].at("actor")) == "key " + std::string(first_key.substr(0, 32)));
  CHECK(text_of(entries[1].at("subject")) == id);
  CHECK(entries[1].at("detail") == "Changed the task \"weekly\"");
  CHECK(entries[1].at("changes") == boost::json::parse(R"({"name":{"from":"report","to":"weekly"},
    "headers":{"from":"","to":"X-Secret"}})"));
  CHECK(entries[0].at("detail") == "Deleted the task \"weekly\"");
  CHECK(entries[0].at("changes") == boost::json::parse(R"({"name":{"from":"weekly","to":null},
    "url":{"from":"https://example.com","to":null},"cron_expression":{"from":"0 9 * * *","to":null},
    "timezone":{"from":"UTC","to":null}})"));
  CHECK(entries[2].at("changes").at("name") == boost::json::parse(R"({"from":null,"to":"report"})"));
  CHECK_THAT(server.client().get("/api/v1/audit").body, !Contains("hidden"));
}

TEST_CASE("making and triggering one-time tasks is traffic and not logged, changing them is") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","delay":"1h","queue":"mail"})");
  CHECK(server.trigger(id).status == 202);
  CHECK(audit(server).empty());
  CHECK(server.patch(id, R"({"name":"other"})").status == 200);
  CHECK(server.patch(id, R"({"name":"other"})").status == 200);
  CHECK(actions(server) == Texts{"task.updated"});
  server.clock.advance(seconds{1});
  CHECK(server.client().request("DELETE", "/api/v1/tasks?queue=mail").status == 200);
  CHECK(actions(server) == Texts{"queue.tasks_deleted", "task.updated"});
  CHECK(text_of(audit(server)[0].at("detail")) == "Deleted the tasks that waited in the queue: 1");
}

TEST_CASE("what is set for queues is in the audit log, with what was set before") {
  RunningApi server;
  const auto client = server.client();
  CHECK(client.request("PUT", "/api/v1/queues/mail", R"({"concurrency":4})").status == 200);
  CHECK(client.request("PUT", "/api/v1/queues/mail", R"({"concurrency":4,"rate":"10/s"})").status == 200);
  CHECK(client.post("/api/v1/queues/mail/pause", "").status == 200);
  CHECK(client.post("/api/v1/queues/mail/pause", "").status == 200);
  CHECK(client.post("/api/v1/queues/mail/resume", "").status == 200);
  CHECK(client.request("DELETE", "/api/v1/queues/mail").status == 204);
  CHECK(actions(server) == Texts{"queue.forgotten", "queue.resumed", "queue.paused", "queue.changed", "queue.changed"});
  const auto entries = audit(server, "?subject=mail&action=queue.changed");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].at("changes") == boost::json::parse(R"({"rate":{"from":null,"to":"10/s"}})"));
  CHECK(entries[1].at("changes") == boost::json::parse(R"({"concurrency":{"from":1,"to":4}})"));
  CHECK(audit(server)[0].at("changes") ==
        boost::json::parse(R"({"concurrency":{"from":4,"to":1},"rate":{"from":"10/s","to":null}})"));
}

TEST_CASE("executions that are cancelled or run again by hand are in the audit log") {
  RunningApi server;
  const auto failed = server.run(server.create(R"({"url":"https://example.com"})"), 404);
  const auto waiting = server.create(R"({"url":"https://example.com","delay":"1h"})");
  const auto pending = text_of(server.executions_of(waiting).at(0).at("id"));
  const std::string executions = "/api/v1/executions/";
  CHECK(server.client().post(executions + pending + "/cancel", "").status == 200);
  CHECK(server.client().post(executions + failed + "/retry", "").status == 202);
  CHECK(server.client().post(executions + "retry", R"({"status":"cancelled"})").status == 202);
  CHECK(actions(server) == Texts{"executions.retried", "execution.retried", "execution.cancelled"});
  CHECK(text_of(audit(server)[0].at("detail")) == "Ran executions again: 1");
  CHECK(text_of(audit(server)[2].at("subject")) == pending);
}

TEST_CASE("a batch and a sync are in the audit log with every cron task that they change") {
  RunningApi server;
  CHECK(server.client()
            .post("/api/v1/tasks/batch", R"({"tasks":[{"url":"https://example.com"},
              {"url":"https://example.com","cron":"0 9 * * *","name":"a"},
              {"url":"https://example.com","cron":"0 9 * * *","name":"b"}]})")
            .status == 201);
  CHECK(actions(server) == Texts{"task.created", "task.created"});
  const std::string_view wanted = R"({"tasks":[{"name":"a","url":"https://example.com","cron":"0 8 * * *"},
    {"name":"c","url":"https://example.com","cron":"0 9 * * *"}],"delete_removed":true})";
  server.clock.advance(seconds{1});
  for (int i = 0; i < 2; ++i) CHECK(server.client().request("PUT", "/api/v1/sync", wanted).status == 200);
  CHECK(actions(server).size() == 5);
  const auto updated = audit(server, "?action=task.updated");
  REQUIRE(updated.size() == 1);
  CHECK(updated[0].at("changes") == boost::json::parse(R"({"cron_expression":{"from":"0 9 * * *","to":"0 8 * * *"}})"));
  CHECK(audit(server, "?action=task.deleted").size() == 1);
}

TEST_CASE("a request that is refused or repeated logs nothing") {
  RunningApi server;
  const auto id = server.create(cron_body);
  CHECK(server.patch(id, R"({"cron":"never"})").status == 422);
  CHECK(server.remove("0190a000-0000-7000-8000-000000000000").status == 404);
  const HeaderList key{{"Idempotency-Key", "k"}};
  for (int i = 0; i < 2; ++i) {
    CHECK(server.client().request("PATCH", "/api/v1/tasks/" + id, R"({"name":"other"})", key).status == 200);
  }
  CHECK(actions(server) == Texts{"task.updated", "task.created"});
}

TEST_CASE("a task that the server disables is in the audit log as its doing") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com"})");
  server.run(id, 410);
  const auto entries = audit(server);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].at("actor") == "system");
  CHECK(entries[0].at("action") == "task.disabled");
  CHECK(text_of(entries[0].at("subject")) == id);
}

TEST_CASE("the audit log is filtered and comes in pages") {
  RunningApi server;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(server.create(cron_body));
    server.clock.advance(seconds{60});
  }
  CHECK(server.remove(ids[1]).status == 204);
  CHECK(actions(server, "?action=task.created").size() == 3);
  CHECK(actions(server, "?subject=" + ids[1]) == Texts{"task.deleted", "task.created"});
  CHECK(actions(server, "?since=2026-01-15T12:01:00Z&until=2026-01-15T12:02:00Z").size() == 1);
  const auto first = server.client().get("/api/v1/audit?limit=3").json();
  CHECK(first.at("has_more") == true);
  CHECK(first.at("limit") == 3);
  const auto rest = server.client().get("/api/v1/audit?cursor=" + text_of(first.at("next_cursor"))).json();
  CHECK(rest.at("data").as_array().size() == 1);
  CHECK(rest.at("has_more") == false);
  CHECK(rest.at("next_cursor").is_null());
  CHECK(text_of(rest.at("data").at(0).at("subject")) == ids[0]);
  CHECK(audit(server, "?limit=2&offset=3").size() == 1);
  for (const char* bad : {"?limit=x", "?cursor=x", "?since=yesterday"}) {
    CHECK(server.client().get(std::string("/api/v1/audit") + bad).status == 400);
  }
}

TEST_CASE("the audit log of another organisation is not seen, and none without a key") {
  RunningApi server;
  (void)server.create(cron_body);
  CHECK(server.client(other_key).get("/api/v1/audit").json().at("data").as_array().empty());
  CHECK(server.client("").get("/api/v1/audit").status == 401);
}

TEST_CASE("the audit log is in the OpenAPI document") {
  RunningApi server;
  const auto document = server.client().get("/api/v1/openapi").json();
  CHECK(document.at("paths").at("/api/v1/audit").at("get").at("parameters").as_array().size() == 7);
  CHECK(document.at("components").at("schemas").at("AuditEntry").at("properties").as_object().contains("changes"));
}
