// Which occurrences of a cron schedule are to run now, given how late we are. A pure function of its arguments.
#pragma once

#include <optional>
#include <vector>

#include "cron/cron_schedule.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

struct Occurrences {
  std::vector<Time> run;     // ascending, all at or before the horizon
  std::optional<Time> next;  // where to go on; not after the horizon only when there is more than `limit` to run
};

// How late an occurrence may be and still count as on time.
inline constexpr seconds misfire_grace{10};

// `first` is the earliest occurrence that has not been looked at. Occurrences older than the grace are misfires: `skip` runs
// none of them; `last` runs only the latest occurrence that is due, however many were missed; `all` runs each, `limit` a call.
[[nodiscard]] Occurrences occurrences_to_run(const CronSchedule& schedule, Misfire misfire, Time first, Time now,
                                             Time horizon, std::size_t limit);

}  // namespace punctual
