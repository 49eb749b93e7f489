#include "engine/organization_limits.hpp"

#include <algorithm>
#include <string>

namespace punctual {
namespace {

constexpr std::size_t instants_looked_at = 10'000;
constexpr std::chrono::years looked_ahead{5};
constexpr std::chrono::years changes_looked_ahead{3};
constexpr std::chrono::hours around_a_change{36};

// Goes on from `from` until `until` or for `most` instants; the first interval below `enough`.
std::optional<seconds> walk(seconds enough, const CronSchedule& schedule, Time from, Time until, std::size_t most) {
  auto last = schedule.next(from);
  for (std::size_t i = 1; last && *last < until && i < most; ++i) {
    const auto next = schedule.next(*last);
    if (!next) break;
    if (*next - *last < enough) return std::chrono::duration_cast<seconds>(*next - *last);
    last = next;
  }
  return std::nullopt;
}

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

std::optional<seconds> interval_below(seconds enough, const CronSchedule& schedule, Time from) {
  if (auto found = walk(enough, schedule, from, from + looked_ahead, instants_looked_at)) return found;
  const Time last_change = from + changes_looked_ahead;
  for (auto change = schedule.clock_change_after(from); change && *change < last_change;
       change = schedule.clock_change_after(*change)) {
    if (auto found = walk(enough, schedule, *change - around_a_change, *change + around_a_change, instants_looked_at)) {
      return found;
    }
  }
  return std::nullopt;
}

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
