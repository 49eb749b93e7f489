#include "engine/occurrences.hpp"

namespace punctual {
namespace {

// The latest occurrence in [first, now]; first itself is one. Looks in growing windows before `now`, so that a year of
// missed minutes costs no more than a few steps.
Time latest_until(const CronSchedule& schedule, Time first, Time now) {
  for (microseconds window = std::chrono::minutes{2};; window *= 8) {
    const Time from = now - window;
    if (from <= first) break;
    if (auto found = schedule.next(from); found && *found <= now) {
      for (auto later = schedule.next(*found); later && *later <= now; later = schedule.next(*later)) found = later;
      return *found;
    }
  }
  Time latest = first;
  for (auto later = schedule.next(first); later && *later <= now; later = schedule.next(*later)) latest = *later;
  return latest;
}

}  // namespace

Occurrences occurrences_to_run(const CronSchedule& schedule, Misfire misfire, Time first, Time now, Time horizon,
                               std::size_t limit) {
  Occurrences out;
  std::optional<Time> at = first;
  if (first < now - misfire_grace) {
    if (misfire == Misfire::skip) at = schedule.next(now - misfire_grace - microseconds{1});
    if (misfire == Misfire::last) at = latest_until(schedule, first, now);
  }
  for (; at && *at <= horizon && out.run.size() < limit; at = schedule.next(*at)) out.run.push_back(*at);
  out.next = at;
  return out;
}

}  // namespace punctual
