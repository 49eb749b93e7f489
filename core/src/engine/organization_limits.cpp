#include "engine/organization_limits.hpp"

#include <string>

#include "cron/cron_interval.hpp"
#include "cron/cron_schedule.hpp"

namespace punctual {
namespace {

std::string in_words(seconds duration) {
  const auto count = duration.count();
  const auto written = [](std::int64_t number, const char* unit) {
    return std::to_string(number) + " " + unit + (number == 1 ? "" : "s");
  };
  if (count % 86400 == 0) return written(count / 86400, "day");
  if (count % 3600 == 0) return written(count / 3600, "hour");
  if (count % 60 == 0) return written(count / 60, "minute");
  return written(count, "second");
}

}  // namespace

void check_cron_interval(const TaskSpec& spec, const OrganizationLimits& limits, Time now) {
  if (!limits.min_cron_interval || spec.schedule_type != ScheduleType::cron) return;
  const auto made = CronSchedule::make(spec.cron_expression.value_or(""), spec.timezone);
  const auto* schedule = std::get_if<CronSchedule>(&made);
  if (schedule == nullptr) return;
  if (interval_below(*limits.min_cron_interval, *schedule, now)) {
    throw Invalid("cron", "must leave at least " + in_words(*limits.min_cron_interval) + " between runs");
  }
}

bool is_over(const Task& task, const std::optional<Time>& kept_since) {
  return kept_since && task.spec.schedule_type == ScheduleType::once && !task.next_run_at && task.last_execution_at &&
         *task.last_execution_at < *kept_since;
}

void refuse_beyond_limit(ScheduleType type, const OrganizationLimits& limits) {
  const auto number = [](const std::optional<std::int64_t>& limit) {
    return limit ? std::to_string(*limit) + " " : "";
  };
  if (type == ScheduleType::cron) {
    throw LimitExceeded("max_tasks: the organisation's limit of " + number(limits.max_tasks) + "cron tasks is reached");
  }
  throw LimitExceeded("monthly_executions: the organisation's limit of " + number(limits.monthly_executions) +
                      "executions a month is reached");
}

}  // namespace punctual
