// What the limits of an organisation have to say to a request. Any thread.
#pragma once

#include <optional>

#include "cron/cron_schedule.hpp"
#include "punctual/engine.hpp"
#include "punctual/time.hpp"

namespace punctual {

// A time between two consecutive instants at which a schedule is due that is shorter than `enough`; nullopt: there is none.
// Looked at are the real instants, so that clock changes, ends of months and leap days are in it: the first 10,000 of them
// within five years from `from`, and three days around every clock change of the next three years.
[[nodiscard]] std::optional<seconds> interval_below(seconds enough, const CronSchedule& schedule, Time from);

// Throws Invalid on `cron` when occurrences of the task come closer to each other than min_cron_interval allows. The schedule
// is one that can be read.
void check_cron_interval(const TaskSpec& spec, const OrganizationLimits& limits, Time now);

// Whether a task is kept no longer: one-time, with nothing to run any more, and last run before `kept_since`.
[[nodiscard]] bool is_over(const Task& task, const std::optional<Time>& kept_since);

// Throws LimitExceeded, naming what keeps a task from being stored: max_tasks for a cron task, monthly_executions for others.
[[noreturn]] void refuse_beyond_limit(ScheduleType type, const OrganizationLimits& limits);

}  // namespace punctual
