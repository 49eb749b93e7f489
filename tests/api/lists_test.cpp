#include <catch2/catch.hpp>

#include <algorithm>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

std::vector<std::string> names_of(const HttpReply& reply) {
  std::vector<std::string> out;
  const auto json = reply.json();
  for (const auto& task : json.at("data").as_array()) out.emplace_back(task.at("name").as_string());
  return out;
}

void create_named(RunningApi& server, const std::string& name, const std::string& rest = {}) {
  server.create(R"({"url":"https://example.com","name":")" + name + "\"" + rest + "}");
}

std::vector<std::string> walk(const RunningApi& server, const std::string& path, const std::string& key) {
  std::vector<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 20; ++page) {
    const auto json = server.client().get(path + "limit=2&cursor=" + cursor).json();
    for (const auto& item : json.at("data").as_array()) seen.emplace_back(item.at(key).as_string());
    if (!json.at("has_more").as_bool()) {
      CHECK(json.at("next_cursor").is_null());
      return seen;
    }
    cursor = json.at("next_cursor").as_string();
  }
  return {};
}

}  // namespace

TEST_CASE("an empty list has the envelope of a page") {
  RunningApi server;
  for (const std::string path : {"/api/v1/tasks", "/api/v1/executions"}) {
    const auto reply = server.client().get(path);
    CHECK(reply.status == 200);
    CHECK(reply.body == R"({"data":[],"has_more":false,"limit":50,"offset":0,"next_cursor":null})");
  }
}

TEST_CASE("limit and offset are brought into their range") {
  RunningApi server;
  const auto json = [&](const std::string& query) { return server.client().get("/api/v1/tasks?" + query).json(); };
  CHECK(json("limit=0").at("limit") == 1);
  CHECK(json("limit=-5").at("limit") == 1);
  CHECK(json("limit=101").at("limit") == 100);
  CHECK(json("limit=99999999999999999999999").at("limit") == 100);
  CHECK(json("offset=-1").at("offset") == 0);
  CHECK(json("offset=7").at("offset") == 7);
  CHECK(json("offset=99999999999999999999999").at("data").as_array().empty());
}

TEST_CASE("garbage for a parameter of a list is refused with 400") {
  RunningApi server;
  for (const std::string query : {"limit=ten", "limit=", "limit=1.5", "limit=%2B5", "offset=x", "offset=", "cursor=x",
                                  "cursor=AAAA", "cursor=%20", "status=odd", "since=yesterday", "until=5"}) {
    INFO(query);
    const auto reply = server.client().get("/api/v1/executions?" + query);
    CHECK(reply.status == 400);
    CHECK(reply.error_code() == "invalid_params");
  }
  CHECK(server.client().get("/api/v1/tasks?schedule_type=daily").status == 400);
  CHECK(server.client().get("/api/v1/tasks?status=odd").status == 400);
}

TEST_CASE("a cursor of another list is refused") {
  RunningApi server;
  for (int i = 0; i < 3; ++i) create_named(server, std::to_string(i));
  const auto cursor = server.client().get("/api/v1/tasks?limit=1").json().at("next_cursor");
  CHECK(server.client().get("/api/v1/executions?cursor=" + std::string(cursor.as_string())).status == 400);
}

TEST_CASE("walking tasks by cursor meets each once") {
  RunningApi server;
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(server.create(R"({"url":"https://example.com"})"));
  server.run(ids[2]);
  server.clock.advance(seconds{5});
  server.run(ids[4], 500);
  const std::vector<std::string> wanted{ids[4], ids[2], ids[6], ids[5], ids[3], ids[1], ids[0]};
  CHECK(walk(server, "/api/v1/tasks?", "id") == wanted);
}

TEST_CASE("walking executions by cursor meets each once, newest first") {
  RunningApi server;
  for (int i = 0; i < 5; ++i) create_named(server, "x", ",\"delay\":" + std::to_string(100 - i));
  CHECK(walk(server, "/api/v1/executions?", "scheduled_for") ==
        std::vector<std::string>{"2026-01-15T12:01:40.000Z", "2026-01-15T12:01:39.000Z", "2026-01-15T12:01:38.000Z",
                                 "2026-01-15T12:01:37.000Z", "2026-01-15T12:01:36.000Z"});
}

TEST_CASE("with a cursor the offset is 0") {
  RunningApi server;
  for (int i = 0; i < 3; ++i) create_named(server, std::to_string(i));
  const std::string cursor(server.client().get("/api/v1/tasks?limit=1").json().at("next_cursor").as_string());
  const auto json = server.client().get("/api/v1/tasks?limit=1&offset=9&cursor=" + cursor).json();
  CHECK(json.at("offset") == 0);
  CHECK(json.at("data").as_array().size() == 1);
}

TEST_CASE("has_more is exact at the limit") {
  RunningApi server;
  for (int i = 0; i < 3; ++i) create_named(server, std::to_string(i));
  CHECK(server.client().get("/api/v1/tasks?limit=3").json().at("has_more") == false);
  CHECK(server.client().get("/api/v1/tasks?limit=2").json().at("has_more") == true);
  CHECK(server.client().get("/api/v1/tasks?limit=2&offset=1").json().at("has_more") == false);
}

TEST_CASE("tasks are filtered by queue, kind, status and name") {
  RunningApi server;
  create_named(server, "a-once", R"(,"queue":"mail & co")");
  create_named(server, "b-cron", R"(,"cron":"@daily")");
  create_named(server, "a%once");
  const auto failed = server.create(R"({"url":"https://example.com","name":"failed"})");
  server.run(failed, 500);
  const auto names = [&](const std::string& query) { return names_of(server.client().get("/api/v1/tasks?" + query)); };
  using Names = std::vector<std::string>;
  CHECK(names("queue=mail+%26%20co") == Names{"a-once"});
  CHECK(names("queue=none&schedule_type=once&status=pending") == Names{"a%once"});
  CHECK(names("schedule_type=cron") == Names{"b-cron"});
  CHECK(names("status=failed") == Names{"failed"});
  CHECK(names("q=a%25") == Names{"a%once"});
  CHECK(names("q=A") == Names{});
}

TEST_CASE("executions are filtered by task, queue, status and time") {
  RunningApi server;
  const auto first = server.create(R"({"url":"https://example.com","delay":60,"queue":"q"})");
  server.create(R"({"url":"https://example.com","delay":120})");
  const auto count = [&](const std::string& query) {
    return server.client().get("/api/v1/executions?" + query).json().at("data").as_array().size();
  };
  CHECK(count("task_id=" + first) == 1);
  CHECK(count("queue=q") == 1);
  CHECK(count("status=pending") == 2);
  CHECK(count("status=success") == 0);
  CHECK(count("since=2026-01-15T12:02:00Z") == 1);
  CHECK(count("until=2026-01-15T12:02:00Z") == 1);
  CHECK(count("since=2026-01-15T13:02:00+01:00") == 1);
  CHECK(count("since=2026-01-15T13:02:00%2B01:00") == 1);
  CHECK(server.client().get("/api/v1/tasks/" + first + "/executions").json().at("data").as_array().size() == 1);
}

TEST_CASE("executions of a task that is not there are 404") {
  RunningApi server;
  CHECK(server.client().get("/api/v1/executions?task_id=nonsense").status == 404);
  CHECK(server.client().get("/api/v1/tasks/nonsense/executions").status == 404);
  CHECK(server.client().get("/api/v1/tasks/01890000-0000-7000-8000-000000000000/executions").status == 404);
}

TEST_CASE("a query that cannot be decoded is refused with 400") {
  RunningApi server;
  for (const std::string query : {"q=%", "q=%4", "q=%zz", "q=%ff", "q=%00", "%c3=1"}) {
    INFO(query);
    CHECK(server.client().get("/api/v1/tasks?" + query).error_code() == "bad_request");
  }
}
