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
