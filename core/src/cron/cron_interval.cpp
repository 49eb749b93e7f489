#include "cron/cron_interval.hpp"

#include <bit>

namespace punctual {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::minutes;

constexpr std::chrono::years calendar{400};  // after which it repeats, weekdays included
constexpr std::chrono::years changes_looked_ahead{40};

// The first interval below `enough` between instants of which one is after `from` and before `until`.
std::optional<seconds> walk(seconds enough, const CronSchedule& schedule, Time from, Time until) {
  auto last = schedule.next(from);
  while (last && *last < until) {
    const auto next = schedule.next(*last);
    if (!next) break;
    if (*next - *last < enough) return std::chrono::duration_cast<seconds>(*next - *last);
    last = next;
  }
  return std::nullopt;
}

// Calls `found` with the days that the expression names, from `first` on in their order, until it says that it is enough.
template <class Found>
void for_each_day(const CronExpression& expression, local_days first, const Found& found) {
  const std::chrono::year_month_day date{first};
  auto month = date.year() / date.month();
  for (const auto end = month + calendar; month <= end; month += std::chrono::months{1}) {
    for (auto left = expression.days_of(month); left != 0; left &= left - 1) {
      const local_days day{month / std::chrono::day{static_cast<unsigned>(std::countr_zero(left))}};
      if (day >= first && found(day)) return;
    }
  }
}

// Of intervals by the clock and the calendar, where they are real: a change of the clock may make one longer, or nothing of it.
std::optional<seconds> calendar_interval_below(seconds enough, const CronSchedule& schedule, Time from) {
  const CronExpression& expression = schedule.expression();
  const auto times = expression.times_of_day();
  const bool within_day = times.least_between && *times.least_between < enough;
  // With so many days between them, or fewer, the last of one day and the first of another are too near.
  const auto most_apart = std::chrono::floor<days>(enough - seconds{1} + times.last - times.first);
  if (!within_day && most_apart < days{1}) return std::nullopt;

  std::optional<seconds> result;
  std::optional<local_days> before;
  for_each_day(expression, std::chrono::floor<days>(schedule.local_time(from)), [&](local_days day) {
    if (before && day - *before <= most_apart) {
      result = walk(enough, schedule, std::max(from, schedule.instant_of(*before + times.last) - minutes{1}),
                    schedule.instant_of(day + times.first));
    }
    if (!result && within_day) {
      result = walk(enough, schedule, std::max(from, schedule.instant_of(day + times.first) - minutes{1}),
                    schedule.instant_of(day + times.last));
    }
    before = day;
    return result.has_value();
  });
  return result;
}

}  // namespace

std::optional<seconds> interval_below(seconds enough, const CronSchedule& schedule, Time from) {
  if (enough <= minutes{1}) return std::nullopt;
  if (auto found = calendar_interval_below(enough, schedule, from)) return found;
  // By the clock all are long enough: one that is not has a change of it between its ends, or begins with it.
  const Time last_change = from + changes_looked_ahead;
  for (auto change = schedule.clock_change_after(from); change && *change < last_change;
       change = schedule.clock_change_after(*change)) {
    if (auto found = walk(enough, schedule, std::max(from, *change - enough), *change + minutes{1})) return found;
  }
  return std::nullopt;
}

}  // namespace punctual
