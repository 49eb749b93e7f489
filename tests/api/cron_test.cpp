// Cron expressions: what the API takes, previews and comes to run.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("a cron expression is previewed") {
  RunningApi server;
  const auto reply = server.client().get(
      "/api/v1/cron/preview?expression=*/5+*+*+*+*&from=2026-03-01T00:00:00Z&count=2&timezone=Europe/Berlin");
  CHECK(reply.status == 200);
  CHECK(reply.body == R"({"data":{"expression":"*/5 * * * *","timezone":"Europe/Berlin",)"
                      R"("next":["2026-03-01T00:05:00.000Z","2026-03-01T00:10:00.000Z"]}})");
  CHECK(server.client().get("/api/v1/cron/preview?expression=@daily").json().at("data").at("next").as_array().size() ==
        5);
}

TEST_CASE("a bad cron preview is refused") {
  RunningApi server;
  const auto detail = [&](const std::string& query, std::string_view field) {
    return server.client().get("/api/v1/cron/preview?" + query).detail(field);
  };
  CHECK(detail("", "expression") == "can't be blank");
  CHECK(detail("expression=never", "expression") == "is not a valid cron expression");
  CHECK(detail("expression=@daily&timezone=Mars", "timezone") == "is not a known time zone");
  CHECK(server.client().get("/api/v1/cron/preview?expression=@daily&from=x").status == 400);
  CHECK(server.client().get("/api/v1/cron/preview?expression=@daily&count=x").status == 400);
  CHECK(server.client("").get("/api/v1/cron/preview?expression=@daily").status == 401);
}

TEST_CASE("a preview reads everything that a cron expression may have") {
  RunningApi server;
  const auto next = [&](const std::string& query) {
    return text_of(server.get("/api/v1/cron/preview?count=1&expression=" + query).at("next").at(0));
  };
  const std::vector<std::pair<std::string, std::string>> table{
      {"0+0+L+*+*&from=2026-02-10T00:00:00Z", "2026-02-28T00:00:00.000Z"},
      {"0+0+15W+*+*&from=2026-02-01T00:00:00Z", "2026-02-16T00:00:00.000Z"},
      {"0+0+LW+*+*&from=2026-02-01T00:00:00Z", "2026-02-27T00:00:00.000Z"},
      {"0+0+*+*+5L", "2026-01-30T00:00:00.000Z"},
      {"0+0+*+*+5%233", "2026-01-16T00:00:00.000Z"},
      {"0+22-2+*+*+*", "2026-01-15T22:00:00.000Z"},
      {"10/20+*+*+*+*", "2026-01-15T12:10:00.000Z"},
      {"0+0+13+*+fri", "2026-01-16T00:00:00.000Z"},
      {"0+0+1+FEB+*", "2026-02-01T00:00:00.000Z"},
      {"%09+0+9%0A*+*+7", "2026-01-18T09:00:00.000Z"},
      {"@weekly", "2026-01-18T00:00:00.000Z"},
      {"0+12+*+*+*&from=2026-01-15T12:00:00Z", "2026-01-16T12:00:00.000Z"},
      {"0+12+*+*+*&from=2026-01-15T11:59:59.999Z", "2026-01-15T12:00:00.000Z"},
      {"30+2+*+*+*&timezone=Europe/Berlin&from=2026-03-28T12:00:00Z", "2026-03-29T01:00:00.000Z"},
  };
  for (const auto& [query, instant] : table) {
    INFO(query);
    CHECK(next(query) == instant);
  }
}

TEST_CASE("the count of a preview is brought into its range") {
  RunningApi server;
  const auto count = [&](const std::string& text) {
    return server.get("/api/v1/cron/preview?expression=@daily&count=" + text).at("next").as_array().size();
  };
  CHECK(count("0") == 1);
  CHECK(count("100") == 100);
  CHECK(count("1000") == 100);
}

TEST_CASE("an expression that can never match is refused") {
  RunningApi server;
  for (const std::string expression : {"0 0 30 2 *", "0 0 31 4,6 *"}) {
    INFO(expression);
    const auto reply =
        server.client().post("/api/v1/tasks", R"({"url":"https://example.com","cron":")" + expression + "\"}");
    CHECK(reply.status == 422);
    CHECK(reply.detail("cron") == "is not a valid cron expression");
  }
}

TEST_CASE("the next run follows the expression, its zone and whether the task is enabled") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","cron":"0 9 * * *","timezone":"Europe/Berlin"})");
  CHECK(server.task(id).at("next_run_at") == "2026-01-16T08:00:00.000Z");
  CHECK(server.patch(id, R"({"timezone":"UTC"})").json().at("data").at("next_run_at") == "2026-01-16T09:00:00.000Z");
  CHECK(server.patch(id, R"({"cron":"0 13 * * *"})").json().at("data").at("next_run_at") == "2026-01-15T13:00:00.000Z");
  CHECK(server.patch(id, R"({"enabled":false})").json().at("data").at("next_run_at").is_null());
  CHECK(server.task(id).at("next_run_at").is_null());
  CHECK(server.patch(id, R"({"enabled":true})").json().at("data").at("next_run_at") == "2026-01-15T13:00:00.000Z");
  CHECK(server.task(id).at("next_run_at") == "2026-01-15T13:00:00.000Z");
}

TEST_CASE("a cron task comes to run at its times") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","cron":"*/5 * * * *"})");
  for (const std::string minute : {"05", "10"}) {
    server.clock.advance(std::chrono::minutes{5});
    const auto due = "2026-01-15T12:" + minute + ":00.000Z";
    REQUIRE(eventually([&] {
      const auto all = server.executions_of(id);
      return !all.empty() && text_of(all[0].at("scheduled_for")) == due;
    }));
    server.run(id);
    CHECK(text_of(server.task(id).at("last_execution_at")) == due);
  }
  CHECK(server.task(id).at("next_run_at") == "2026-01-15T12:15:00.000Z");
  CHECK(server.executions_of(id).size() == 2);
}
