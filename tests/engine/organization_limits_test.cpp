#include "engine/organization_limits.hpp"

#include <catch2/catch.hpp>

#include "punctual/errors.hpp"

using namespace punctual;
using namespace std::chrono_literals;

namespace {

const Time january = parse_rfc3339("2026-01-10T12:00:30Z").value();

// An interval that is found below `enough`.
std::optional<seconds> below(seconds enough, const char* expression, const char* timezone = "UTC",
                             Time from = january) {
  return interval_below(enough, std::get<CronSchedule>(CronSchedule::make(expression, timezone)), from);
}

TaskSpec cron(const char* expression, const char* timezone = "UTC") {
  TaskSpec spec;
  spec.schedule_type = ScheduleType::cron;
  spec.cron_expression = expression;
  spec.timezone = timezone;
  return spec;
}

}  // namespace

TEST_CASE("an interval is measured between neighbouring instants") {
  CHECK_FALSE(below(300s, "*/5 * * * *"));
  CHECK(below(301s, "*/5 * * * *") == 300s);
  CHECK_FALSE(below(86400s, "0 9 * * *"));
  CHECK_FALSE(below(60s, "* * * * *"));
  CHECK(below(61s, "* * * * *") == 60s);
}

TEST_CASE("an interval across the end of an hour, a day, a month and a year is seen") {
  CHECK(below(300s, "*/7 * * * *") == 240s);
  CHECK(below(600s, "5,55 * * * *") == std::nullopt);
  CHECK(below(601s, "5,55 * * * *") == 600s);
  CHECK(below(3600s, "58 23 * * *") == std::nullopt);
  CHECK(below(600s, "2,58 0,23 * * *") == 240s);
  CHECK(below(2 * 86400s, "0 0 1,31 * *") == 86400s);
  CHECK(below(2 * 86400s, "0 0 1 1 *") == std::nullopt);
  CHECK(below(2 * 86400s, "0 0 31,1 12,1 *") == 86400s);
}

TEST_CASE("an interval that only a leap day makes is seen") {
  CHECK_FALSE(below(2 * 86400s, "0 0 28 2 *"));
  CHECK(below(2 * 86400s, "0 0 28,29 2 *") == 86400s);
}

TEST_CASE("an interval that only a clock change makes is seen") {
  // 02:30 is skipped in spring and runs when the clock shows 03:00.
  CHECK_FALSE(below(3600s, "30 * * * *", "Europe/Berlin"));
  CHECK(below(3600s, "30 2,3 * * *", "Europe/Berlin") == 1800s);
  CHECK_FALSE(below(3600s, "30 2,3 * * *", "UTC"));
  // The day of the change is an hour shorter.
  CHECK(below(86400s, "0 12 * * *", "Europe/Berlin") == 82800s);
  CHECK_FALSE(below(86400s, "0 12 * * *", "Asia/Tokyo"));
}

TEST_CASE("a clock change is looked at though thousands of instants come before it") {
  // From April on the next spring is eleven months and more than ten thousand instants away.
  const Time april = parse_rfc3339("2026-04-10T12:00:00Z").value();
  CHECK(below(600s, "5-55/10 0-1,2,3-23 * * *", "Europe/Berlin", april) == 300s);
  CHECK_FALSE(below(600s, "5-55/10 0-1,2,3-23 * * *", "UTC", april));
}

TEST_CASE("an expression that never comes near the limit is let through, and so is any without a limit") {
  CHECK_NOTHROW(check_cron_interval(cron("* * * * *"), {}, january));
  OrganizationLimits limits;
  limits.min_cron_interval = 300s;
  CHECK_NOTHROW(check_cron_interval(cron("*/5 * * * *"), limits, january));
  CHECK_NOTHROW(check_cron_interval(TaskSpec{}, limits, january));
}

TEST_CASE("an expression that comes too often is refused on `cron`, in words") {
  OrganizationLimits limits;
  const auto refusal = [&](const char* expression) {
    try {
      check_cron_interval(cron(expression), limits, january);
    } catch (const Invalid& problem) {
      return problem.fields().at("cron").at(0);
    }
    return std::string("none");
  };
  limits.min_cron_interval = 300s;
  CHECK(refusal("* * * * *") == "must leave at least 5 minutes between runs");
  limits.min_cron_interval = 3600s;
  CHECK(refusal("*/30 * * * *") == "must leave at least 1 hour between runs");
  limits.min_cron_interval = 90s;
  CHECK(refusal("* * * * *") == "must leave at least 90 seconds between runs");
  limits.min_cron_interval = 2 * 86400s;
  CHECK(refusal("0 0 * * *") == "must leave at least 2 days between runs");
}

TEST_CASE("what is beyond a limit is refused with the name of the limit") {
  OrganizationLimits limits;
  limits.max_tasks = 5;
  CHECK_THROWS_WITH(refuse_beyond_limit(ScheduleType::cron, limits),
                    "max_tasks: the organisation's limit of 5 cron tasks is reached");
  CHECK_THROWS_WITH(refuse_beyond_limit(ScheduleType::once, limits),
                    "monthly_executions: the organisation's limit of executions a month is reached");
}
