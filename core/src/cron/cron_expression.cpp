#include "cron/cron_expression.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>

namespace punctual {
namespace {

using std::chrono::local_days;
using std::chrono::year_month;

constexpr std::string_view white_space = " \t\n\r\f\v";
constexpr int days_in_week = 7;
constexpr int saturday = 6;
constexpr int sunday = 0;
constexpr std::chrono::year last_year{9999};  // the last one RFC 3339 can write

// The values a field may hold.
struct Field {
  int low;                                    // the smallest
  int count;                                  // how many there are
  int highest;                                // the largest number that may be written: 7 is a second name for Sunday
  std::span<const std::string_view> names{};  // of the values from `low` on
};

constexpr std::array<std::string_view, 12> month_names{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

constexpr Field minute_field{0, 60, 59};
constexpr Field hour_field{0, 24, 23};
constexpr Field day_field{1, 31, 31};
constexpr Field month_field{1, 12, 12, month_names};
constexpr Field weekday_field{0, days_in_week, 7, weekday_names};

constexpr std::uint64_t bit(int value) { return std::uint64_t{1} << value; }

// Calls `act` with every value in the set, in ascending order.
template <class Act>
void for_each_value(std::uint64_t set, const Act& act) {
  for (; set != 0; set &= set - 1) act(std::countr_zero(set));
}

bool same_text(std::string_view text, std::string_view upper_case) {
  return std::equal(text.begin(), text.end(), upper_case.begin(), upper_case.end(),
                    [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
}

std::optional<int> read_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || text.front() == '-') return std::nullopt;
  return value;
}

// One value of the field, by number or by name.
std::optional<int> read_value(std::string_view text, const Field& field) {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (same_text(text, field.names[i])) return field.low + static_cast<int>(i);
  }
  const auto number = read_number(text);
  if (!number || *number < field.low || *number > field.highest) return std::nullopt;
  return number;
}

// `count` values from `first` on, every `step`-th of them taken, beginning again at the lowest after the highest.
std::uint64_t values_from(int first, int count, int step, const Field& field) {
  std::uint64_t set = 0;
  for (int i = 0; i < count; i += step) set |= bit(field.low + (first - field.low + i) % field.count);
  return set;
}

// *  a  a-b  */n  a-b/n  a/n
std::optional<std::uint64_t> read_item(std::string_view item, const Field& field) {
  int step = 1;
  const auto slash = item.find('/');
  const bool stepped = slash != std::string_view::npos;
  if (stepped) {
    const auto number = read_number(item.substr(slash + 1));
    if (!number || *number < 1 || *number > field.count) return std::nullopt;
    step = *number;
  }
  const auto range = item.substr(0, slash);
  if (range == "*") return values_from(field.low, field.count, step, field);

  const auto dash = range.find('-');
  const auto first = read_value(range.substr(0, dash), field);
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) {
    const int start = field.low + (*first - field.low) % field.count;
    return values_from(start, stepped ? field.low + field.count - start : 1, step, field);
  }
  const auto last = read_value(range.substr(dash + 1), field);
  if (!last) return std::nullopt;
  const int span = *last - *first;
  return values_from(*first, (span < 0 ? span + field.count : span) + 1, step, field);
}

// Calls `read` with each item of a comma list; false as soon as it says so.
template <class Read>
bool read_list(std::string_view list, const Read& read) {
  for (;;) {
    const auto comma = list.find(',');
    if (!read(list.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

bool add_item(std::string_view item, const Field& field, std::uint64_t& set) {
  const auto values = read_item(item, field);
  set |= values.value_or(0);
  return values.has_value();
}

bool read_plain(std::string_view list, const Field& field, std::uint64_t& set) {
  return read_list(list, [&](std::string_view item) { return add_item(item, field, set); });
}

std::string_view without_macro(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros{{
      {"@YEARLY", "0 0 1 1 *"},
      {"@ANNUALLY", "0 0 1 1 *"},
      {"@MONTHLY", "0 0 1 * *"},
      {"@WEEKLY", "0 0 * * 0"},
      {"@DAILY", "0 0 * * *"},
      {"@MIDNIGHT", "0 0 * * *"},
      {"@HOURLY", "0 * * * *"},
  }};
  for (const auto& [name, meaning] : macros) {
    if (same_text(text, name)) return meaning;
  }
  return text;
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

std::optional<std::array<std::string_view, 5>> split_fields(std::string_view text) {
  std::array<std::string_view, 5> fields;
  for (auto& field : fields) {
    const auto end = std::min(text.find_first_of(white_space), text.size());
    field = text.substr(0, end);
    if (field.empty()) return std::nullopt;
    text = trim(text.substr(end));
  }
  if (!text.empty()) return std::nullopt;
  return fields;
}

// A month as far as days are concerned: bit d of a set stands for day d.
struct MonthShape {
  int length;
  int first_weekday;

  explicit MonthShape(year_month month)
      : length(static_cast<int>(static_cast<unsigned>((month / std::chrono::last).day()))),
        first_weekday(static_cast<int>(std::chrono::weekday{local_days{month / 1}}.c_encoding())) {}

  [[nodiscard]] std::uint64_t all() const { return bit(length + 1) - 2; }

  [[nodiscard]] std::uint64_t nth(int weekday, int n) const {
    const int day = 1 + (weekday - first_weekday + days_in_week) % days_in_week + (n - 1) * days_in_week;
    return day <= length ? bit(day) : 0;
  }

  [[nodiscard]] std::uint64_t last(int weekday) const {
    const auto fifth = nth(weekday, 5);
    return fifth != 0 ? fifth : nth(weekday, 4);
  }

  // Monday to Friday nearest to `day`, never in another month; nothing when the month has no such day.
  [[nodiscard]] std::uint64_t working_day_near(int day) const {
    if (day > length) return 0;
    const int weekday = (first_weekday + day - 1) % days_in_week;
    if (weekday == saturday) return bit(day > 1 ? day - 1 : day + 2);
    if (weekday == sunday) return bit(day < length ? day + 1 : day - 2);
    return bit(day);
  }

  // All days that fall on one of these weekdays.
  [[nodiscard]] std::uint64_t on(std::uint64_t weekdays) const {
    const auto week = (weekdays | weekdays << days_in_week) >> first_weekday & 0x7f;  // bit 0: the first of the month
    constexpr std::uint64_t every_week = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;
    return week * every_week << 1 & all();
  }
};

}  // namespace

std::optional<CronExpression> CronExpression::parse(std::string_view text) {
  const auto fields = split_fields(without_macro(trim(text)));
  if (!fields) return std::nullopt;
  const auto& [minute, hour, day, month, weekday] = *fields;

  CronExpression out;
  if (!read_plain(minute, minute_field, out.minutes_) || !read_plain(hour, hour_field, out.hours_) ||
      !out.read_days(day) || !read_plain(month, month_field, out.months_) || !out.read_weekdays(weekday)) {
    return std::nullopt;
  }
  out.either_day_ = !day.starts_with('*') && !weekday.starts_with('*');
  out.follows_elapsed_time_ = hour.starts_with('*');
  if (!out.can_match()) return std::nullopt;
  return out;
}

bool CronExpression::read_days(std::string_view field) {
  return read_list(field, [this](std::string_view item) {
    if (same_text(item, "L")) return last_day_ = true;
    if (same_text(item, "LW")) return last_working_day_ = true;
    if (!item.empty() && (item.back() == 'W' || item.back() == 'w')) {
      const auto day = read_value(item.substr(0, item.size() - 1), day_field);
      nearest_weekdays_ |= day ? bit(*day) : 0;
      return day.has_value();
    }
    return add_item(item, day_field, days_);
  });
}

bool CronExpression::read_weekdays(std::string_view field) {
  return read_list(field, [this](std::string_view item) {
    const auto weekday_bit = [](std::string_view text) -> std::uint64_t {
      const auto weekday = read_value(text, weekday_field);
      return weekday ? bit(*weekday % days_in_week) : 0;
    };
    if (const auto hash = item.find('#'); hash != std::string_view::npos) {
      const auto weekday = weekday_bit(item.substr(0, hash));
      const auto n = read_number(item.substr(hash + 1));
      if (weekday == 0 || !n || *n < 1 || *n > 5) return false;
      nth_weekdays_[static_cast<std::size_t>(*n - 1)] |= weekday;
      return true;
    }
    if (!item.empty() && (item.back() == 'L' || item.back() == 'l')) {
      const auto weekday = weekday_bit(item.substr(0, item.size() - 1));
      last_weekdays_ |= weekday;
      return weekday != 0;
    }
    return add_item(item, weekday_field, weekdays_);
  });
}

bool CronExpression::can_match() const {
  // The calendar has 14 kinds of year (leap or not, by the weekday it begins with), and any 28 years without a dropped leap
  // year have them all. So what matches in none of these never matches.
  for (int year = 2001; year <= 2028; ++year) {
    for (unsigned month = 1; month <= 12; ++month) {
      if ((months_ & bit(static_cast<int>(month))) == 0) continue;
      if (days_in(std::chrono::year{year} / std::chrono::month{month}) != 0) return true;
    }
  }
  return false;
}

std::uint32_t CronExpression::days_of(year_month month) const {
  const bool named = (months_ & bit(static_cast<int>(static_cast<unsigned>(month.month())))) != 0;
  return named ? days_in(month) : 0;
}

CronExpression::TimesOfDay CronExpression::times_of_day() const {
  const auto least = [](std::uint64_t set) {
    std::optional<int> step;
    for (int last = -1; set != 0; set &= set - 1) {
      const int value = std::countr_zero(set);
      if (last >= 0) step = std::min(step.value_or(value - last), value - last);
      last = value;
    }
    return step;
  };
  const auto lowest = [](std::uint64_t set) { return std::countr_zero(set); };
  const auto highest = [](std::uint64_t set) { return 63 - std::countl_zero(set); };
  using std::chrono::hours;
  using std::chrono::minutes;
  TimesOfDay out{hours{lowest(hours_)} + minutes{lowest(minutes_)}, hours{highest(hours_)} + minutes{highest(minutes_)},
                 std::nullopt};
  if (const auto step = least(minutes_)) out.least_between = minutes{*step};
  if (const auto step = least(hours_)) {
    const minutes across = hours{*step} - minutes{highest(minutes_) - lowest(minutes_)};
    out.least_between = std::min(out.least_between.value_or(across), across);
  }
  return out;
}

std::uint32_t CronExpression::days_in(year_month month) const {
  const MonthShape shape(month);
  auto by_day = days_ & shape.all();
  if (last_day_) by_day |= bit(shape.length);
  if (last_working_day_) by_day |= shape.working_day_near(shape.length);
  for_each_value(nearest_weekdays_, [&](int day) { by_day |= shape.working_day_near(day); });

  auto by_weekday = shape.on(weekdays_);
  for_each_value(last_weekdays_, [&](int weekday) { by_weekday |= shape.last(weekday); });
  for (std::size_t n = 0; n < nth_weekdays_.size(); ++n) {
    for_each_value(nth_weekdays_[n], [&](int weekday) { by_weekday |= shape.nth(weekday, static_cast<int>(n) + 1); });
  }
  return static_cast<std::uint32_t>(either_day_ ? by_day | by_weekday : by_day & by_weekday);
}

std::optional<std::chrono::minutes> CronExpression::first_time_of_day(std::chrono::minutes from) const {
  const std::chrono::hh_mm_ss clock{from};
  const int hour = static_cast<int>(clock.hours().count());
  const int minute = static_cast<int>(clock.minutes().count());
  if ((hours_ & bit(hour)) != 0) {
    if (const auto left = minutes_ & -bit(minute); left != 0) {
      return clock.hours() + std::chrono::minutes{std::countr_zero(left)};
    }
  }
  const auto later_hours = hours_ & -bit(hour + 1);
  if (later_hours == 0) return std::nullopt;
  return std::chrono::hours{std::countr_zero(later_hours)} + std::chrono::minutes{std::countr_zero(minutes_)};
}

std::optional<LocalMinute> CronExpression::first_match(LocalMinute from) const {
  const auto today = std::chrono::floor<std::chrono::days>(from);
  const std::chrono::year_month_day date{today};
  if (date.year() > last_year) return std::nullopt;
  auto month = date.year() / date.month();

  // What is left of today, then what is left of this month, then whole months.
  auto days = std::uint64_t{0};
  if ((months_ & bit(static_cast<int>(static_cast<unsigned>(date.month())))) != 0) {
    const int day = static_cast<int>(static_cast<unsigned>(date.day()));
    days = days_in(month) & -bit(day);
    if ((days & bit(day)) != 0) {
      if (const auto time = first_time_of_day(from - today)) return today + *time;
      days ^= bit(day);
    }
  }
  while (days == 0) {
    const auto later_months = months_ & -bit(static_cast<int>(static_cast<unsigned>(month.month())) + 1);
    const auto year = later_months == 0 ? month.year() + std::chrono::years{1} : month.year();
    if (year > last_year) return std::nullopt;
    month =
        year / std::chrono::month{static_cast<unsigned>(std::countr_zero(later_months == 0 ? months_ : later_months))};
    days = days_in(month);
  }
  const auto first_day = std::chrono::day{static_cast<unsigned>(std::countr_zero(days))};
  return local_days{month / first_day} + std::chrono::hours{std::countr_zero(hours_)} +
         std::chrono::minutes{std::countr_zero(minutes_)};
}

}  // namespace punctual
