#include <catch2/catch.hpp>

#include <algorithm>

#include "frontend/paging.hpp"
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

TEST_CASE("executions of a deleted task are found by its id, not below it") {
  RunningApi server;
  const auto task = server.create(R"({"url":"https://example.com"})");
  const auto execution = server.run(task);
  server.create(R"({"url":"https://example.com","delay":60})");
  CHECK(server.remove(task).status == 204);
  const auto found = server.get("/api/v1/executions?task_id=" + task).as_array();
  REQUIRE(found.size() == 1);
  CHECK(text_of(found[0].at("id")) == execution);
  CHECK(server.get("/api/v1/executions?task_id=" + task + "&status=failed").as_array().empty());
  CHECK(server.get("/api/v1/executions?offset=1&task_id=" + task).as_array().empty());
  CHECK(server.client().get("/api/v1/tasks/" + task + "/executions").status == 404);
  CHECK(server.client(other_key).get("/api/v1/executions?task_id=" + task).status == 404);
}

TEST_CASE("executions of a task that is not there are 404") {
  RunningApi server;
  CHECK(server.client().get("/api/v1/executions?task_id=01890000-0000-7000-8000-000000000000").status == 404);
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

TEST_CASE("tasks that keep their place are met once while others run") {
  RunningApi server;
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(server.create(R"({"url":"https://example.com"})"));
  const auto first = server.client().get("/api/v1/tasks?limit=2").json();
  CHECK(text_of(first.at("data").at(0).at("id")) == ids[5]);
  CHECK(text_of(first.at("data").at(1).at("id")) == ids[4]);
  server.run(ids[2]);  // goes to the front
  const std::string cursor(first.at("next_cursor").as_string());
  const auto second = server.client().get("/api/v1/tasks?limit=2&cursor=" + cursor).json();
  CHECK(text_of(second.at("data").at(0).at("id")) == ids[3]);
  CHECK(text_of(second.at("data").at(1).at("id")) == ids[1]);
  const std::string next(second.at("next_cursor").as_string());
  const auto third = server.client().get("/api/v1/tasks?limit=2&cursor=" + next).json();
  REQUIRE(third.at("data").as_array().size() == 1);
  CHECK(text_of(third.at("data").at(0).at("id")) == ids[0]);
  CHECK(third.at("has_more") == false);
}

TEST_CASE("what is due at one instant is walked by its id") {
  RunningApi server;
  for (int i = 0; i < 5; ++i) create_named(server, "x", R"(,"run_at":"2026-01-15T13:00:00Z")");
  const auto seen = walk(server, "/api/v1/executions?", "id");
  CHECK(seen.size() == 5);
  CHECK(std::adjacent_find(seen.begin(), seen.end(), std::less_equal<>{}) == seen.end());
}

TEST_CASE("offsets show the rows of the whole list") {
  RunningApi server;
  for (int i = 0; i < 5; ++i) create_named(server, std::to_string(i), ",\"delay\":" + std::to_string(10 + i));
  for (const std::string path : {"/api/v1/tasks?", "/api/v1/executions?"}) {
    const auto all = server.get(path).as_array();
    REQUIRE(all.size() == 5);
    for (std::size_t offset = 0; offset <= 5; ++offset) {
      const auto page = server.client().get(path + "limit=2&offset=" + std::to_string(offset)).json();
      const auto& rows = page.at("data").as_array();
      CHECK(rows.size() == std::min<std::size_t>(2, 5 - offset));
      for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == all[offset + i]);
      CHECK(page.at("has_more") == (offset < 3));
    }
  }
}

TEST_CASE("a filter holds on every page") {
  RunningApi server;
  for (int i = 0; i < 10; ++i) {
    create_named(server, std::to_string(i), R"(,"delay":"1h","queue":")" + std::string(i % 2 ? "odd\"" : "even\""));
  }
  CHECK(walk(server, "/api/v1/tasks?queue=odd&", "name") == std::vector<std::string>{"9", "7", "5", "3", "1"});
  CHECK(walk(server, "/api/v1/executions?queue=even&status=pending&", "id").size() == 5);
}

TEST_CASE("the beginning of a name is taken literally") {
  RunningApi server;
  for (const std::string name : {"a_b", "axb", "a\\\\b", "a*b", "Ünï"}) create_named(server, name);
  const auto names = [&](const std::string& q) { return names_of(server.client().get("/api/v1/tasks?q=" + q)); };
  using Names = std::vector<std::string>;
  CHECK(names("a_") == Names{"a_b"});
  CHECK(names("a%5C") == Names{"a\\b"});
  CHECK(names("a*") == Names{"a*b"});
  CHECK(names("%C3%9Cn") == Names{"Ünï"});
  CHECK(names("b").empty());
  CHECK(names("a").size() == 4);
}

TEST_CASE("executions from an instant on, and before one, are those of that instant's sides") {
  RunningApi server;
  for (const std::string second : {"00", "01", "02"}) {
    create_named(server, second, R"(,"run_at":"2026-01-15T13:00:)" + second + "Z\"");
  }
  const auto due = [&](const std::string& query) {
    return walk(server, "/api/v1/executions?" + query + "&", "scheduled_for");
  };
  using Times = std::vector<std::string>;
  CHECK(due("since=2026-01-15T13:00:01Z") == Times{"2026-01-15T13:00:02.000Z", "2026-01-15T13:00:01.000Z"});
  CHECK(due("until=2026-01-15T13:00:01Z") == Times{"2026-01-15T13:00:00.000Z"});
  CHECK(due("since=2026-01-15T13:00:01Z&until=2026-01-15T13:00:02Z") == Times{"2026-01-15T13:00:01.000Z"});
  CHECK(due("since=2026-01-15T13:00:01Z&until=2026-01-15T13:00:01Z").empty());
}

TEST_CASE("has_more is exact at the largest limit") {
  RunningApi server;
  for (int i = 0; i < 100; ++i) create_named(server, std::to_string(i), R"(,"delay":"1h")");
  for (const std::string path : {"/api/v1/tasks?limit=100", "/api/v1/executions?limit=100"}) {
    CHECK(server.client().get(path).json().at("has_more") == false);
  }
  create_named(server, "one more", R"(,"delay":"1h")");
  for (const std::string path : {"/api/v1/tasks?limit=100", "/api/v1/executions?limit=100"}) {
    const auto page = server.client().get(path).json();
    CHECK(page.at("data").as_array().size() == 100);
    CHECK(page.at("has_more") == true);
    const auto rest = server.client().get(path + "&cursor=" + text_of(page.at("next_cursor"))).json();
    CHECK(rest.at("data").as_array().size() == 1);
    CHECK(rest.at("has_more") == false);
  }
}

TEST_CASE("tasks that are made while a client walks the list are before what it has seen") {
  RunningApi server;
  for (int i = 0; i < 3; ++i) create_named(server, std::to_string(i));
  const auto first = server.client().get("/api/v1/tasks?limit=1").json();
  create_named(server, "later");
  const auto rest = server.client().get("/api/v1/tasks?cursor=" + text_of(first.at("next_cursor")));
  CHECK(first.at("data").at(0).at("name") == "2");
  CHECK(names_of(rest) == std::vector<std::string>{"1", "0"});
}

TEST_CASE("any instant may be asked for") {
  RunningApi server;
  create_named(server, "x", R"(,"run_at":"2031-01-16T12:00:00Z")");
  const auto count = [&](const std::string& query) {
    return server.get("/api/v1/executions?" + query).as_array().size();
  };
  CHECK(count("since=0000-01-01T00:00:00%2B23:59&until=9999-12-31T23:59:59-23:59") == 1);
  CHECK(count("since=9999-12-31T23:59:59-23:59") == 0);
  CHECK(count("until=0000-01-01T00:00:00%2B23:59") == 0);
  // Cursors that nobody was given, of the first and of the last instant that can be written.
  for (const auto edge : {Time::min(), Time::max()}) {
    const auto of_executions = cursor_text(ExecutionCursor{edge, {}});
    const auto of_tasks = cursor_text(TaskCursor{edge, edge, {}});
    CHECK(server.client().get("/api/v1/executions?cursor=" + of_executions).status == 200);
    CHECK(server.client().get("/api/v1/tasks?cursor=" + of_tasks).status == 200);
  }
}
