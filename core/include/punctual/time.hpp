// Time: UTC microseconds inside, RFC 3339 outside. Value types; every function may be called from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace punctual {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// An instant, UTC, microseconds since 1970.
using Time = std::chrono::sys_time<microseconds>;

// A moment for measuring how long something takes or lasts: never set, and told by one machine alone.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, microseconds>;

// "2026-01-31T08:30:00.125Z": UTC with exactly three decimals, cut (not rounded) to the millisecond. Years
// 0 to 9999.
[[nodiscard]] inline std::string format_rfc3339(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<milliseconds>(time - day)};
  std::string out = "0000-00-00T00:00:00.000Z";
  const auto write = [&out](std::size_t end, unsigned value) {  // its digits, the last one before `end`
    for (; value > 0; value /= 10) out[--end] = static_cast<char>('0' + value % 10);
  };
  write(4, static_cast<unsigned>(static_cast<int>(date.year())) % 10000);
  write(7, static_cast<unsigned>(date.month()));
  write(10, static_cast<unsigned>(date.day()));
  write(13, static_cast<unsigned>(clock.hours().count()));
  write(16, static_cast<unsigned>(clock.minutes().count()));
  write(19, static_cast<unsigned>(clock.seconds().count()));
  write(23, static_cast<unsigned>(clock.subseconds().count()));
  return out;
}

// Reads an RFC 3339 date-time (section 5.6) with any offset: 'T', 't' or one space between date and time, any number of
// decimals (cut to microseconds), 'Z', 'z' or +hh:mm / -hh:mm. A leap second (:60) is read as the second after :59.
// Anything else, a date that does not exist, or a text without an offset is nullopt.
[[nodiscard]] inline std::optional<Time> parse_rfc3339(std::string_view text) {
  std::size_t at = 0;
  const auto number = [&](std::size_t width) -> std::optional<int> {
    if (text.size() - at < width) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < width; ++i, ++at) {
      if (text[at] < '0' || text[at] > '9') return std::nullopt;
      value = value * 10 + (text[at] - '0');
    }
    return value;
  };
  const auto one_of = [&](std::string_view choices) {
    if (at >= text.size() || choices.find(text[at]) == std::string_view::npos) return false;
    ++at;
    return true;
  };
  const auto year = number(4);
  if (!year || !one_of("-")) return std::nullopt;
  const auto month = number(2);
  if (!month || !one_of("-")) return std::nullopt;
  const auto day = number(2);
  if (!day || !one_of("Tt ")) return std::nullopt;
  const auto hour = number(2);
  if (!hour || !one_of(":")) return std::nullopt;
  const auto minute = number(2);
  if (!minute || !one_of(":")) return std::nullopt;
  const auto second = number(2);
  if (!second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  microseconds fraction{0};
  if (one_of(".")) {
    const std::size_t first = at;
    long scale = 100000;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
      fraction += microseconds{(text[at] - '0') * scale};
    }
    if (at == first) return std::nullopt;
  }
  std::chrono::minutes offset{0};
  if (!one_of("Zz")) {
    const bool west = at < text.size() && text[at] == '-';
    if (!one_of("+-")) return std::nullopt;
    const auto offset_hour = number(2);
    if (!offset_hour || !one_of(":")) return std::nullopt;
    const auto offset_minute = number(2);
    if (!offset_minute || *offset_hour > 23 || *offset_minute > 59) return std::nullopt;
    offset = std::chrono::hours{*offset_hour} + std::chrono::minutes{*offset_minute};
    if (west) offset = -offset;
  }
  if (at != text.size()) return std::nullopt;
  return Time{std::chrono::sys_days{date}} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
         seconds{*second} + fraction - offset;
}

}  // namespace punctual
