// What the limits of an organisation have to say to a request. Any thread.
#pragma once

#include <optional>

#include "punctual/engine.hpp"
#include "punctual/time.hpp"

namespace punctual {

// Throws Invalid on `cron` when occurrences of the task come closer to each other than min_cron_interval allows. The schedule
// is one that can be read.
void check_cron_interval(const TaskSpec& spec, const OrganizationLimits& limits, Time now);

// Whether a task is kept no longer: one-time, with nothing to run any more, and last run before `kept_since`.
[[nodiscard]] bool is_over(const Task& task, const std::optional<Time>& kept_since);

// Throws LimitExceeded, naming what keeps a task from being stored: max_tasks for a cron task, monthly_executions for others.
[[noreturn]] void refuse_beyond_limit(ScheduleType type, const OrganizationLimits& limits);

}  // namespace punctual
