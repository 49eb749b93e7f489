// Completes what a client gave to a task that can be stored: ids, default name, due time, next run. Pure functions, but for
// the ids.
#pragma once

#include <optional>
#include <string>

#include "identity/id_generator.hpp"
#include "punctual/engine.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

// Due times are whole milliseconds, as clients see them, so that what a client reads is exactly what is meant. Rounded up:
// nothing is ever sent early.
[[nodiscard]] Time due_after(Time now, seconds delay);

// once: "<url> · DD Mon, HH:MM" (UTC); cron: "Cron: <url>"; cut at a character to 255 bytes by shortening the URL.
[[nodiscard]] std::string default_name(const TaskSpec& spec, Time due);

// The next occurrence strictly after `after`; nullopt when the task is disabled. Throws Invalid on a schedule that cannot be
// read (cron_expression, timezone).
[[nodiscard]] std::optional<Time> next_run(const TaskSpec& spec, Time after);

// A new task as it is stored: a one-time task with its first execution, a cron task with its entry in the audit log. Throws as
// next_run and check_cron_interval.
[[nodiscard]] NewWork new_work(NewTask draft, const Principal& by, Time now, IdGenerator& ids);

// The change of a task to `spec`; a cron task whose schedule is another than before forgets what it has not yet run. What a
// new due time does to a one-time task is the caller's to add. Throws as next_run, and, unless the task is only switched off,
// as check_cron_interval: what was made before the limit was set may go on, but not be switched on again.
[[nodiscard]] TaskUpdate changed_task(const Task& before, TaskSpec spec, const OrganizationLimits& limits, Time now);

}  // namespace punctual
