// CronSchedule: the instants at which a cron expression is due in a time zone.
//
// Where the clocks change, an expression whose hour field begins with '*' follows elapsed time: it is due whenever the
// clock shows a time it names, in both passes of a repeated hour and never in a skipped one. Any other is due once for each
// time it names: a repeated time at its first pass, a skipped one at the instant the gap ends (together with whatever else
// is due at that instant).
//
// A value type: const functions may be called from many threads at once.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "cron/cron_expression.hpp"
#include "punctual/engine.hpp"
#include "punctual/time.hpp"

namespace cctz {
class time_zone;
}

namespace punctual {

class CronSchedule {
 public:
  // `timezone` is an IANA name. Throws Unavailable when the machine's time zone data cannot be read now.
  [[nodiscard]] static std::variant<CronSchedule, ScheduleProblem> make(std::string_view expression,
                                                                        std::string_view timezone);

  // The first instant at which it is due, a whole minute, strictly after `after`; nullopt when there is none up to the end
  // of the year 9999.
  [[nodiscard]] std::optional<Time> next(Time after) const;

  // The first `count` of them, ascending; fewer when there are no more.
  [[nodiscard]] std::vector<Time> next(Time after, std::size_t count) const;

  [[nodiscard]] const CronExpression& expression() const noexcept { return expression_; }

  // What the clock shows at an instant.
  [[nodiscard]] LocalMinute local_time(Time at) const;

  // When the clock shows a time first; of one that it never shows, when the gap ends that skips it.
  [[nodiscard]] Time instant_of(LocalMinute local) const;

  // When the clocks of the time zone change next, strictly after `after`; nullopt: never, as far as is known.
  [[nodiscard]] std::optional<Time> clock_change_after(Time after) const;

 private:
  CronSchedule(const CronExpression& expression, std::shared_ptr<const cctz::time_zone> zone);

  [[nodiscard]] std::optional<Time> search(LocalMinute from, Time after) const;
  [[nodiscard]] std::optional<Time> instant_of(LocalMinute local, Time after) const;

  CronExpression expression_;
  std::shared_ptr<const cctz::time_zone> zone_;
};

}  // namespace punctual
