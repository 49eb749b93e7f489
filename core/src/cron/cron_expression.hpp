// CronExpression: which minutes of the local calendar a cron expression names. Knows no time zone; see CronSchedule.
//
// Five fields with white space between them: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, weekday
// 0-7 or SUN-SAT (0 and 7 are Sunday). Letters in any case. A field is a comma list of
//   *  a  a-b (wraps when a > b)  */n  a-b/n  a/n (from a to the end; n at most the number of values of the field)
//   day of month: L (last day)  nW (the Monday to Friday nearest to day n, in the same month)  LW (the last of them)
//   weekday: 5L (the last Friday of the month)  5#3 (the third)
// or the whole is one of @yearly @annually @monthly @weekly @daily @midnight @hourly. When day of month and weekday are
// both restricted (do not begin with '*'), a day that fits either counts (POSIX crontab); else it must fit both.
//
// A value type: const functions may be called from many threads at once.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace punctual {

// A minute on the clock and calendar of some place.
using LocalMinute = std::chrono::local_time<std::chrono::minutes>;

class CronExpression {
 public:
  // nullopt: malformed, out of range, or a date that never comes (30 February).
  [[nodiscard]] static std::optional<CronExpression> parse(std::string_view text);

  // The earliest minute at or after `from` that the expression names; nullopt when there is none up to the end of the year
  // 9999. `from` is not before the year 1.
  [[nodiscard]] std::optional<LocalMinute> first_match(LocalMinute from) const;

  // The days of a month that it names: bit d stands for day d.
  [[nodiscard]] std::uint32_t days_of(std::chrono::year_month month) const;

  struct TimesOfDay {
    std::chrono::minutes first{};
    std::chrono::minutes last{};
    std::optional<std::chrono::minutes> least_between;  // two neighbouring ones; nullopt: there is but one
  };
  // The times that it names on each of its days.
  [[nodiscard]] TimesOfDay times_of_day() const;

  // The hour field begins with '*': the expression means "every so often" rather than "at this time of day".
  [[nodiscard]] bool follows_elapsed_time() const noexcept { return follows_elapsed_time_; }

 private:
  CronExpression() = default;

  [[nodiscard]] bool read_days(std::string_view field);
  [[nodiscard]] bool read_weekdays(std::string_view field);
  [[nodiscard]] bool can_match() const;
  [[nodiscard]] std::uint32_t days_in(std::chrono::year_month month) const;  // whether it names the month or not
  [[nodiscard]] std::optional<std::chrono::minutes> first_time_of_day(std::chrono::minutes from) const;

  // Sets of values: bit v stands for the value v.
  std::uint64_t minutes_ = 0;
  std::uint64_t hours_ = 0;
  std::uint64_t months_ = 0;
  std::uint64_t days_ = 0;
  std::uint64_t nearest_weekdays_ = 0;           // nW
  std::uint64_t weekdays_ = 0;                   // Sunday is 0
  std::uint64_t last_weekdays_ = 0;              // 5L
  std::array<std::uint64_t, 5> nth_weekdays_{};  // 5#3 is in nth_weekdays_[2]
  bool last_day_ = false;                        // L
  bool last_working_day_ = false;                // LW
  bool either_day_ = false;                      // day of month OR weekday, else both
  bool follows_elapsed_time_ = false;
};

}  // namespace punctual
