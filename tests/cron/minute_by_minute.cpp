#include "cron/minute_by_minute.hpp"

#include <cctype>
#include <cstdlib>
#include <ctime>
#include <map>
#include <sstream>

namespace punctual {
namespace {

const std::map<std::string, int> names{{"JAN", 1},  {"FEB", 2},  {"MAR", 3}, {"APR", 4}, {"MAY", 5},
                                       {"JUN", 6},  {"JUL", 7},  {"AUG", 8}, {"SEP", 9}, {"OCT", 10},
                                       {"NOV", 11}, {"DEC", 12}, {"SUN", 0}, {"MON", 1}, {"TUE", 2},
                                       {"WED", 3},  {"THU", 4},  {"FRI", 5}, {"SAT", 6}};

int value_of(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const auto name = names.find(text);
  return name != names.end() ? name->second : std::stoi(text);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) out.push_back(part);
  return out;
}

// Whether a plain item (*, a, a-b, with or without /n) has `value`: counts from its beginning to its end.
bool item_has(const std::string& item, int value, int low, int high, int modulus) {
  const auto parts = split(item, '/');
  const int step = parts.size() > 1 ? std::stoi(parts[1]) : 1;
  int first = low;
  int last = high;
  if (parts[0] != "*") {
    const auto ends = split(parts[0], '-');
    first = value_of(ends[0]);
    if (ends.size() > 1) {
      last = value_of(ends[1]);
    } else if (parts.size() == 1) {
      last = first;
    } else {
      first %= modulus;
    }
  }
  const bool wraps = first > last;
  if (wraps) first %= modulus;  // a range from 7 begins with Sunday
  for (int at = first, count = 0;; ++count) {
    if (count % step == 0 && at % modulus == value % modulus) return true;
    if (at == last) return false;
    at = wraps && at == high ? low : at + 1;
  }
}

bool list_has(const std::string& list, int value, int low, int high, int modulus) {
  for (const auto& item : split(list, ',')) {
    if (item_has(item, value, low, high, modulus)) return true;
  }
  return false;
}

struct Day {
  int number;
  int weekday;  // Sunday is 0
  int month_length;
};

int weekday_of(const Day& day, int number) { return ((day.weekday + number - day.number) % 7 + 7) % 7; }

bool is_working_day_near(const Day& day, int wanted) {
  if (wanted > day.month_length) return false;
  for (const int off : {0, -1, 1, -2, 2}) {
    const int near = wanted + off;
    if (near < 1 || near > day.month_length) continue;
    const int weekday = weekday_of(day, near);
    if (weekday != 0 && weekday != 6) return near == day.number;
  }
  return false;
}

bool fits_day_of_month(const std::string& field, const Day& day) {
  for (const auto& item : split(field, ',')) {
    bool fits = false;
    if (item == "L") {
      fits = day.number == day.month_length;
    } else if (item == "LW") {
      fits = is_working_day_near(day, day.month_length);
    } else if (item.back() == 'W') {
      fits = is_working_day_near(day, std::stoi(item));
    } else {
      fits = item_has(item, day.number, 1, 31, 32);
    }
    if (fits) return true;
  }
  return false;
}

bool fits_weekday(const std::string& field, const Day& day) {
  for (const auto& item : split(field, ',')) {
    bool fits = false;
    if (item.back() == 'L') {
      fits = value_of(item.substr(0, item.size() - 1)) % 7 == day.weekday && day.number + 7 > day.month_length;
    } else if (const auto parts = split(item, '#'); parts.size() == 2) {
      fits = value_of(parts[0]) % 7 == day.weekday && (day.number - 1) / 7 + 1 == std::stoi(parts[1]);
    } else {
      fits = item_has(item, day.weekday, 0, 6, 7);
    }
    if (fits) return true;
  }
  return false;
}

}  // namespace

MinuteByMinute::MinuteByMinute(const std::string& expression) {
  std::istringstream in(expression);
  for (auto& field : fields_) in >> field;
  for (int minute = 0; minute < 60; ++minute) {
    minutes_[static_cast<std::size_t>(minute)] = list_has(fields_[0], minute, 0, 59, 60);
  }
  for (int hour = 0; hour < 24; ++hour) {
    hours_[static_cast<std::size_t>(hour)] = list_has(fields_[1], hour, 0, 23, 24);
  }
}

bool MinuteByMinute::fits_day(std::chrono::year_month_day date) const {
  if (!list_has(fields_[3], static_cast<int>(static_cast<unsigned>(date.month())), 1, 12, 13)) return false;
  const auto last = date.year() / date.month() / std::chrono::last;
  const Day day{static_cast<int>(static_cast<unsigned>(date.day())),
                static_cast<int>(std::chrono::weekday{std::chrono::sys_days{date}}.c_encoding()),
                static_cast<int>(static_cast<unsigned>(last.day()))};
  const bool by_day = fits_day_of_month(fields_[2], day);
  const bool by_weekday = fits_weekday(fields_[4], day);
  return fields_[2].front() == '*' || fields_[4].front() == '*' ? by_day && by_weekday : by_day || by_weekday;
}

bool MinuteByMinute::fits_time(int hour, int minute) const {
  return hours_[static_cast<std::size_t>(hour)] && minutes_[static_cast<std::size_t>(minute)];
}

LocalMinutes::LocalMinutes(const std::string& zone, Time first, int days) : first_(first) {
  ::setenv("TZ", zone.c_str(), 1);
  ::tzset();
  const auto start = std::chrono::floor<seconds>(first).time_since_epoch().count();
  for (long minute = 0; minute < days * 1440L; ++minute) {
    const std::time_t time = start + minute * 60;
    std::tm local{};
    ::localtime_r(&time, &local);
    const auto date = std::chrono::year{local.tm_year + 1900} / (local.tm_mon + 1) / local.tm_mday;
    locals_.push_back(std::chrono::local_days{date} + std::chrono::hours{local.tm_hour} +
                      std::chrono::minutes{local.tm_min});
  }
}

std::vector<Time> LocalMinutes::due(const MinuteByMinute& expression) const {
  std::map<std::chrono::local_days, bool> days;
  const auto fits = [&](Local local) {
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const auto [known, added] = days.try_emplace(day, false);
    if (added) known->second = expression.fits_day(std::chrono::year_month_day{day});
    const int minute = static_cast<int>((local - day).count());
    return known->second && expression.fits_time(minute / 60, minute % 60);
  };
  constexpr std::chrono::minutes one{1};
  std::vector<Time> out;
  auto seen = locals_.front() - one;  // the latest time the clock has shown so far
  for (std::size_t i = 0; i < locals_.size(); ++i) {
    bool due = false;
    if (expression.follows_elapsed_time()) {
      due = fits(locals_[i]);
    } else {
      for (auto local = seen + one; local <= locals_[i]; local += one) due = fits(local) || due;
    }
    if (due) out.push_back(first_ + std::chrono::minutes{static_cast<long>(i)});
    seen = std::max(seen, locals_[i]);
  }
  return out;
}

}  // namespace punctual
