#include <catch2/catch.hpp>

#include "punctual/time.hpp"
#include "support/process.hpp"

using namespace punctual;
using testing::lines_of;

TEST_CASE("cron next prints one UTC instant a line, strictly after the given time") {
  const auto run = testing::punctual({"cron", "next", "30 8 * * *", "--from", "2026-01-31T08:30:00Z", "--count", "2"});
  CHECK(run.exit_code == 0);
  CHECK(run.out == "2026-02-01T08:30:00.000Z\n2026-02-02T08:30:00.000Z\n");
  CHECK(run.err.empty());
}

TEST_CASE("cron next gives five instants when no count is given") {
  const auto run = testing::punctual({"cron", "next", "@hourly", "--from", "2026-01-31T08:30:00+02:00"});
  const auto lines = lines_of(run.out);
  REQUIRE(lines.size() == 5);
  CHECK(lines.front() == "2026-01-31T07:00:00.000Z");
}

TEST_CASE("cron next begins now when no time is given") {
  const auto before = std::chrono::system_clock::now();
  const auto run = testing::punctual({"cron", "next", "* * * * *", "--count", "1"});
  const auto lines = lines_of(run.out);
  REQUIRE(lines.size() == 1);
  const auto next = parse_rfc3339(lines.front());
  REQUIRE(next);
  CHECK(*next > before);
  CHECK(*next - before <= std::chrono::seconds{80});
}

TEST_CASE("cron next follows the clocks of a zone") {
  const auto run = testing::punctual(
      {"cron", "next", "0 9 * * *", "--timezone", "Europe/Berlin", "--from", "2026-03-28T00:00:00Z", "--count", "2"});
  CHECK(run.out == "2026-03-28T08:00:00.000Z\n2026-03-29T07:00:00.000Z\n");
}

TEST_CASE("cron next gives up to a hundred instants") {
  CHECK(lines_of(testing::punctual({"cron", "next", "@daily", "--count", "100"}).out).size() == 100);
}

TEST_CASE("cron next refuses a bad argument with one line and exit code 2") {
  struct Bad {
    std::vector<std::string> arguments;
    std::string line;
  };
  const Bad bad =
      GENERATE(Bad{{"61 * * * *"}, "punctual: '61 * * * *' is not a valid cron expression\n"},
               Bad{{"0 0 30 2 *"}, "punctual: '0 0 30 2 *' is not a valid cron expression\n"},
               Bad{{"@daily", "--timezone", "Mars/Base"}, "punctual: 'Mars/Base' is not a known time zone\n"},
               Bad{{"@daily", "--from", "yesterday"},
                   "punctual: --from: 'yesterday' is not an RFC 3339 time, such as 2026-01-31T08:30:00Z\n"});
  std::vector<std::string> arguments{"cron", "next"};
  arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
  const auto run = testing::punctual(arguments);
  CHECK(run.exit_code == 2);
  CHECK(run.err == bad.line);
  CHECK(run.out.empty());
}

TEST_CASE("cron next refuses a count outside 1 to 100") {
  const std::string count = GENERATE("0", "101", "-1", "many");
  const auto run = testing::punctual({"cron", "next", "@daily", "--count", count});
  CHECK(run.exit_code == 2);
  CHECK(lines_of(run.err).size() == 1);
}

TEST_CASE("cron next takes the common options and needs no store") {
  const auto run = testing::punctual({"cron", "next", "@yearly", "--from", "2026-01-31T08:30:00Z", "--count", "1",
                                      "--storage", "sqlite:///nowhere/at/all.db", "--set", "log.level=debug"});
  CHECK(run.exit_code == 0);
  CHECK(run.out == "2027-01-01T00:00:00.000Z\n");
}
