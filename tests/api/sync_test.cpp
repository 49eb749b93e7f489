// PUT /sync.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

HttpReply put(const RunningApi& server, std::string_view body, const HeaderList& headers = {}) {
  return server.client().request("PUT", "/api/v1/sync", body, headers);
}

std::string named(const std::string& name, const std::string& more = "") {
  return R"({"name":")" + name + R"(","url":"https://example.com/)" + name + R"(","cron":"0 * * * *")" + more + "}";
}

std::string body_of(const std::vector<std::string>& tasks, const std::string& more = "") {
  std::string list;
  for (const auto& task : tasks) list += (list.empty() ? "" : ",") + task;
  return R"({"tasks":[)" + list + "]" + more + "}";
}

constexpr const char* delete_removed = R"(,"delete_removed":true)";

boost::json::value texts(const std::vector<std::string>& names) {
  return boost::json::array(names.begin(), names.end());
}

// Of the task with this name; there is one.
std::string id_of(const RunningApi& server, const std::string& name) {
  const auto found = server.get("/api/v1/tasks?q=" + name).as_array();
  REQUIRE(found.size() == 1);
  return text_of(found.at(0).at("id"));
}

}  // namespace

TEST_CASE("a sync creates what is not there, and answers with the whole report") {
  RunningApi server;
  const auto reply = put(server, body_of({named("b"), named("a")}));
  CHECK(reply.status == 200);
  CHECK(reply.body ==
        R"({"data":{"tasks":{"created":["b","a"],"updated":[],"deleted":[],"created_count":2,"updated_count":0,)"
        R"("deleted_count":0},"monitors":{"created":[],"updated":[],"deleted":[],"created_count":0,"updated_count":0,)"
        R"("deleted_count":0},"endpoints":{"created":[],"updated":[],"deleted":[],"created_count":0,"updated_count":0,)"
        R"("deleted_count":0},"created":["b","a"],"updated":[],"deleted":[],"created_count":2,"updated_count":0,)"
        R"("deleted_count":0},"message":"Sync complete: 2 created, 0 updated, 0 deleted"})");
  const auto task = server.task(id_of(server, "a"));
  CHECK(task.at("cron_expression") == "0 * * * *");
  CHECK(task.at("method") == "GET");
  CHECK(task.at("retry_attempts") == 0);
  CHECK(task.at("next_run_at") == "2026-01-15T13:00:00.000Z");
}

TEST_CASE("a repeated sync changes nothing") {
  RunningApi server;
  const auto body = body_of({named("a", R"(,"body":{"k":1},"headers":{"X-A":"b"},"queue":"q")"), named("b")});
  (void)put(server, body);
  const auto id = id_of(server, "a");
  const auto before = server.task(id);
  server.clock.advance(seconds{5});
  const auto again = put(server, body);
  CHECK(again.json().at("message") == "No changes");
  CHECK(again.json().at("data").at("updated_count") == 0);
  CHECK(server.task(id) == before);
}

TEST_CASE("a sync keeps numbers digit for digit, of new tasks and of changed ones") {
  RunningApi server;
  const auto body = [](const std::string& numbers) {
    return body_of({named("plain"), named("a", R"(,"headers":{"N":1.10},"body":[ )" + numbers + "]")});
  };
  CHECK(put(server, body("1e400,1.50")).status == 200);
  const auto id = id_of(server, "a");
  CHECK(server.spec_of(id).body == "[1e400,1.50]");
  CHECK(server.spec_of(id).headers == Headers{{"N", "1.10"}});
  CHECK(put(server, body("1e400, 1.50")).json().at("message") == "No changes");
  CHECK(put(server, body("18446744073709551616")).json().at("data").at("updated") == texts({"a"}));
  CHECK(server.spec_of(id).body == "[18446744073709551616]");
}

TEST_CASE("a sync updates what differs and leaves alone what is not given") {
  RunningApi server;
  (void)put(server, body_of({named("a", R"(,"timeout_ms":5000,"queue":"q")"), named("b"), named("c")}));
  const auto a = id_of(server, "a");
  REQUIRE(server.patch(a, R"({"enabled":false})").status == 200);
  const auto reply = put(server, body_of({named("a", R"(,"method":"POST","queue":null)"), named("b"), named("d")}));
  CHECK(reply.json().at("message") == "Sync complete: 1 created, 1 updated, 0 deleted");
  CHECK(reply.json().at("data").at("tasks").at("updated") == texts({"a"}));
  CHECK(reply.json().at("data").at("tasks").at("created") == texts({"d"}));
  const auto spec = server.spec_of(a);
  CHECK(spec.method == Method::post);
  CHECK(spec.timeout == milliseconds{5000});
  CHECK_FALSE(spec.queue);
  CHECK_FALSE(spec.enabled);
  CHECK(server.task_count() == 4);
}

TEST_CASE("a sync deletes cron tasks that are not listed when it is told to") {
  RunningApi server;
  (void)put(server, body_of({named("a"), named("b"), named("c")}));
  const auto once = server.create(R"({"url":"https://example.com","delay":"1h","name":"once"})");
  CHECK(put(server, body_of({named("a")})).json().at("message") == "No changes");
  CHECK(server.task_count() == 4);
  const auto reply = put(server, body_of({named("a")}, delete_removed));
  CHECK(reply.json().at("message") == "Sync complete: 0 created, 0 updated, 2 deleted");
  CHECK(reply.json().at("data").at("deleted") == texts({"b", "c"}));
  CHECK(server.task_count() == 2);
  CHECK(put(server, body_of({}, delete_removed)).json().at("data").at("deleted") == texts({"a"}));
  CHECK(server.task_count() == 1);
  CHECK(server.task(once).at("name") == "once");
}

TEST_CASE("a list that is absent or null is left alone") {
  RunningApi server;
  (void)put(server, body_of({named("a")}));
  for (const auto* body :
       {R"({"monitors":[],"delete_removed":true})", R"({"tasks":null,"endpoints":[],"delete_removed":true})"}) {
    const auto reply = put(server, body);
    CHECK(reply.status == 200);
    CHECK(reply.json().at("message") == "No changes");
  }
  CHECK(server.task_count() == 1);
}

TEST_CASE("a sync without any list is 400") {
  RunningApi server;
  for (const auto* body : {"", "{}", R"({"delete_removed":true})", R"({"tasks":null})"}) {
    const auto reply = put(server, body);
    INFO(body);
    CHECK(reply.status == 400);
    CHECK(reply.error_code() == "bad_request");
  }
  CHECK(put(server, "[").error_code() == "invalid_json");
  CHECK(put(server, "[]").status == 400);
}

TEST_CASE("what is wrong with a sync is named with its place, and nothing is done") {
  RunningApi server;
  (void)put(server, body_of({named("kept")}));
  const auto reply = put(
      server,
      body_of({named("a"), R"({"name":"b","url":"x","cron":"never","colour":1})",
               R"({"url":"https://example.com","cron":"@daily"})", R"({"name":"d","cron":"@daily"})",
               R"({"name":"e","url":"https://example.com"})", R"({"name":"f","url":"https://example.com","delay":5})",
               "7", named("a"), R"({"name":" ","url":"https://example.com","cron":"@daily"})",
               R"({"name":"g","url":"https://example.com","cron":"@daily","timezone":null})",
               R"({"name":"h","url":"https://example.com","cron_expression":null})",
               R"({"name":"i","url":"https://example.com","cron":"@daily","schedule_type":"once"})"},
              delete_removed));
  CHECK(reply.status == 422);
  CHECK(reply.error_code() == "validation_error");
  CHECK(reply.detail("tasks[1].url") == "must be a valid HTTP or HTTPS URL");
  CHECK(reply.detail("tasks[1].cron") == "is not a valid cron expression");
  CHECK(reply.detail("tasks[1].colour") == "is not a known field");
  CHECK(reply.detail("tasks[2].name") == "can't be blank");
  CHECK(reply.detail("tasks[3].url") == "can't be blank");
  CHECK(reply.detail("tasks[4].cron") == "can't be blank");
  CHECK(reply.detail("tasks[5].cron") == "can't be blank");
  CHECK(reply.detail("tasks[5].delay") == "is invalid");
  CHECK(reply.detail("tasks[6]") == "is invalid");
  CHECK(reply.detail("tasks[7].name") == "has already been taken");
  CHECK(reply.detail("tasks[8].name") == "can't be blank");
  CHECK(reply.detail("tasks[9].timezone") == "can't be blank");
  CHECK(reply.detail("tasks[10].cron_expression") == "can't be blank");
  CHECK(reply.detail("tasks[11].schedule_type") == "is invalid");
  CHECK(server.task_count() == 1);
  CHECK(id_of(server, "kept").size() == 36);
}

TEST_CASE("the lists and the switch of a sync are checked") {
  RunningApi server;
  const auto reply = put(server, R"({"tasks":{},"monitors":[{}],"endpoints":7,"delete_removed":"yes","colour":1})");
  CHECK(reply.status == 422);
  CHECK(reply.detail("tasks") == "is invalid");
  CHECK(reply.detail("monitors") == "is not supported yet");
  CHECK(reply.detail("endpoints") == "is invalid");
  CHECK(reply.detail("delete_removed") == "is invalid");
  CHECK(reply.detail("colour") == "is not a known field");
}

TEST_CASE("a sync takes a thousand tasks, and not one more") {
  RunningApi server;
  std::vector<std::string> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(named("t" + std::to_string(i)));
  CHECK(put(server, body_of(tasks)).json().at("data").at("created_count") == 1000);
  CHECK(put(server, body_of(tasks, delete_removed)).json().at("message") == "No changes");
  tasks.push_back(named("one-more"));
  const auto reply = put(server, body_of(tasks));
  CHECK(reply.status == 422);
  CHECK(reply.detail("tasks") == "must not exceed 1000 elements");
}

TEST_CASE("what GET gave can be changed and put into a sync") {
  RunningApi server;
  (void)put(server,
            body_of({named("a", R"(,"body":{"k":1},"timezone":"Europe/Berlin","expires_in":"1m")"), named("b")}));
  auto listed = server.get("/api/v1/tasks").as_array();
  const auto sync_with = [&] {
    return put(server, boost::json::serialize(boost::json::object{{"tasks", listed}, {"delete_removed", true}}));
  };
  CHECK(sync_with().json().at("message") == "No changes");
  for (auto& task : listed) {
    if (task.at("name") == "a") task.as_object()["timeout_ms"] = 7000;
  }
  CHECK(sync_with().json().at("data").at("updated") == texts({"a"}));
  CHECK(server.spec_of(id_of(server, "a")).timeout == milliseconds{7000});
}

TEST_CASE("a sync leaves one-time tasks of the same name alone") {
  RunningApi server;
  const auto once = server.create(R"({"url":"https://example.com","delay":"1h","name":"a"})");
  CHECK(put(server, body_of({named("a")}, delete_removed)).json().at("data").at("created") == texts({"a"}));
  CHECK(server.task_count() == 2);
  CHECK(server.task(once).at("schedule_type") == "once");
}

TEST_CASE("a name that several cron tasks have cannot be synced") {
  RunningApi server;
  server.create(named("a"));
  server.create(named("a"));
  const auto reply = put(server, body_of({named("b"), named("a")}));
  CHECK(reply.status == 422);
  CHECK(reply.detail("tasks[1].name") == "is the name of several tasks");
  CHECK(server.task_count() == 2);
}

TEST_CASE("a new schedule in a sync forgets what was to come of the old one") {
  RunningApi server;
  (void)put(server, body_of({named("a")}));
  const auto id = id_of(server, "a");
  server.clock.advance(std::chrono::minutes{60} - milliseconds{500});
  REQUIRE(eventually([&] { return server.executions_of(id).size() == 1; }));
  const auto reply = put(server, R"({"tasks":[{"name":"a","url":"https://example.com/a","cron":"30 14 * * *"}]})");
  CHECK(reply.json().at("data").at("updated_count") == 1);
  CHECK(server.executions_of(id).empty());
  CHECK(server.task(id).at("next_run_at") == "2026-01-15T14:30:00.000Z");
}

TEST_CASE("organisations sync for themselves") {
  RunningApi server;
  (void)put(server, body_of({named("a")}));
  const auto other = server.client(other_key).request("PUT", "/api/v1/sync", body_of({named("a")}, delete_removed));
  CHECK(other.json().at("data").at("created") == texts({"a"}));
  CHECK(server.client(other_key).request("PUT", "/api/v1/sync", body_of({}, delete_removed)).status == 200);
  CHECK(server.task_count() == 1);
}

TEST_CASE("a sync with a key is done once") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  const auto first = put(server, body_of({named("a")}), key);
  server.restart();
  REQUIRE(server.remove(id_of(server, "a")).status == 204);
  const auto again = put(server, body_of({named("a")}), key);
  CHECK(again.body == first.body);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(server.task_count() == 0);
  CHECK(put(server, body_of({named("b")}), key).error_code() == "idempotency_key_reused");
  const HeaderList refused{{"Idempotency-Key", "refused"}};
  CHECK(put(server, body_of({"{}"}), refused).status == 422);
  CHECK(put(server, body_of({named("b")}), refused).status == 200);
}
