// How close to each other a schedule is due. Pure; any thread.
#pragma once

#include <optional>

#include "cron/cron_schedule.hpp"

namespace punctual {

// An interval between two neighbouring instants at or after `from` that is shorter than `enough`; nullopt: there is none. The
// calendar is looked at to its end, which is where it begins again (400 years), changes of the clock for the next 40 years:
// then every date that the rules of today give them has fallen on every weekday.
[[nodiscard]] std::optional<seconds> interval_below(seconds enough, const CronSchedule& schedule, Time from);

}  // namespace punctual
