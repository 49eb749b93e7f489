// Completes what a client gave to a task that can be stored: default name, due time, next run. Pure functions.
#pragma once

#include <optional>
#include <string>

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

}  // namespace punctual
