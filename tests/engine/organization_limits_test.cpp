#include "engine/organization_limits.hpp"

#include <catch2/catch.hpp>

#include "punctual/errors.hpp"

using namespace punctual;
using namespace std::chrono_literals;

namespace {

const Time january = parse_rfc3339("2026-01-10T12:00:30Z").value();

TaskSpec cron(const char* expression, const char* timezone = "UTC") {
  TaskSpec spec;
  spec.schedule_type = ScheduleType::cron;
  spec.cron_expression = expression;
  spec.timezone = timezone;
  return spec;
}

}  // namespace

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
