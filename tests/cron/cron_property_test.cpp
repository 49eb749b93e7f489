// Random expressions, each compared with a plain search minute by minute. A failure prints the seed; PUNCTUAL_TEST_SEED
// runs it again.
#include <algorithm>
#include <cstdlib>
#include <random>

#include "cron/cron_interval.hpp"
#include "cron/cron_schedule.hpp"
#include "cron/minute_by_minute.hpp"
#include "support/precompiled.hpp"

namespace punctual {
namespace {

unsigned test_seed() {
  const char* given = std::getenv("PUNCTUAL_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device{}();
}

class RandomExpressions {
 public:
  explicit RandomExpressions(unsigned seed) : random_(seed) {}

  int between(int low, int high) { return std::uniform_int_distribution<int>{low, high}(random_); }

  std::string expression() { return minute() + " " + hour() + " " + day_fields(); }

  std::string minute() { return one_in(4) ? "*" : list(0, 59, 60); }

  // Mostly at night, when clocks change.
  std::string hour() {
    if (one_in(4)) return "*";
    if (one_in(6)) return "*/" + number(1, 24);
    return one_in(3) ? list(0, 23, 24) : list(0, 3, 24);
  }

  std::string day_fields() {
    const std::string day = one_in(2) ? "*" : day_of_month();
    const std::string month = one_in(2) ? "*" : list(1, 12, 12);
    return day + " " + month + " " + (one_in(2) ? "*" : weekday());
  }

 private:
  bool one_in(int n) { return between(1, n) == 1; }
  std::string number(int low, int high) { return std::to_string(between(low, high)); }

  std::string item(int low, int high, int count) {
    switch (between(1, 5)) {
      case 1:
        return number(low, high) + "-" + number(low, high);
      case 2:
        return number(low, high) + "-" + number(low, high) + "/" + number(1, count);
      case 3:
        return number(low, high) + "/" + number(1, count);
      case 4:
        return "*/" + number(1, count);
      default:
        return number(low, high);
    }
  }

  std::string list(int low, int high, int count) {
    std::string out = item(low, high, count);
    while (one_in(3)) out.append(",").append(item(low, high, count));
    return out;
  }

  std::string day_of_month() {
    switch (between(1, 5)) {
      case 1:
        return "L";
      case 2:
        return "LW";
      case 3:
        return number(1, 31) + "W";
      default:
        return list(1, 31, 31);
    }
  }

  std::string weekday() {
    static const std::vector<std::string> names{"sun", "Mon", "TUE", "wed", "Thu", "FRI", "sat"};
    switch (between(1, 5)) {
      case 1:
        return number(0, 7) + "L";
      case 2:
        return number(0, 7) + "#" + number(1, 5);
      case 3:
        return names[static_cast<std::size_t>(between(0, 6))] + "-" + names[static_cast<std::size_t>(between(0, 6))];
      default:
        return list(0, 7, 7);
    }
  }

  std::mt19937 random_;
};

Time midnight(int year, unsigned month, unsigned day) {
  return Time{std::chrono::sys_days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)}};
}

struct Window {
  std::string zone;
  Time first;
  int days;
};

// Times when clocks change by an hour, half an hour, two hours, at midnight, a minute after it, or by a whole day.
const std::vector<Window>& windows() {
  static const std::vector<Window> all{
      {"UTC", midnight(2026, 2, 10), 40},
      {"America/New_York", midnight(2026, 2, 20), 40},
      {"America/New_York", midnight(2026, 10, 10), 40},
      {"Europe/Berlin", midnight(2026, 3, 10), 30},
      {"Europe/Berlin", midnight(2026, 10, 10), 30},
      {"Australia/Lord_Howe", midnight(2026, 3, 20), 30},
      {"Australia/Lord_Howe", midnight(2026, 9, 20), 30},
      {"America/Sao_Paulo", midnight(2018, 2, 5), 30},
      {"America/Sao_Paulo", midnight(2018, 10, 20), 30},
      {"America/St_Johns", midnight(2006, 3, 20), 30},
      {"America/St_Johns", midnight(2006, 10, 15), 30},
      {"Antarctica/Troll", midnight(2026, 3, 15), 30},
      {"Antarctica/Troll", midnight(2026, 10, 15), 30},
      {"Africa/Casablanca", midnight(2026, 2, 1), 60},
      {"Asia/Pyongyang", midnight(2015, 8, 1), 30},
      {"Asia/Pyongyang", midnight(2018, 4, 20), 30},
      {"Asia/Kathmandu", midnight(2026, 5, 15), 30},
      {"Pacific/Apia", midnight(2011, 12, 15), 30},
      {"Pacific/Kwajalein", midnight(1993, 8, 10), 30},
  };
  return all;
}

// The first place where two lists of times differ, for a person; "" when they do not.
std::string first_difference(const std::vector<Time>& found, const std::vector<Time>& expected) {
  const auto [a, b] = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
  if (a == found.end() && b == expected.end()) return "";
  const auto text = [](auto at, auto end) { return at == end ? std::string("nothing") : format_rfc3339(*at); };
  return "found " + text(a, found.end()) + ", expected " + text(b, expected.end());
}

std::vector<Time> found_by_schedule(const CronSchedule& schedule, Time after, Time end) {
  std::vector<Time> out;
  for (auto time = schedule.next(after); time && *time < end; time = schedule.next(*time)) out.push_back(*time);
  return out;
}

}  // namespace

TEST_CASE("a schedule is due exactly when a search minute by minute finds it due") {
  const unsigned seed = test_seed();
  INFO("PUNCTUAL_TEST_SEED=" << seed);
  RandomExpressions random(seed);
  for (const auto& window : windows()) {
    const LocalMinutes minutes(window.zone, window.first, window.days);
    const Time end = window.first + std::chrono::days{window.days};
    for (int round = 0; round < 40; ++round) {
      const std::string expression = random.expression();
      INFO(expression << " in " << window.zone << " from " << format_rfc3339(window.first));
      const auto expected = minutes.due(MinuteByMinute(expression));
      const auto made = CronSchedule::make(expression, window.zone);
      if (!std::holds_alternative<CronSchedule>(made)) {
        REQUIRE(expected.empty());
        continue;
      }
      const auto& schedule = std::get<CronSchedule>(made);
      const auto found = found_by_schedule(schedule, window.first - microseconds{1}, end);
      REQUIRE(first_difference(found, expected) == "");
    }
  }
}

TEST_CASE("the next time does not depend on where the search begins") {
  const unsigned seed = test_seed();
  INFO("PUNCTUAL_TEST_SEED=" << seed);
  RandomExpressions random(seed);
  for (const auto& window : windows()) {
    const LocalMinutes minutes(window.zone, window.first, window.days);
    for (int round = 0; round < 10; ++round) {
      const std::string expression = random.minute() + " " + random.hour() + " * * *";
      INFO(expression << " in " << window.zone);
      const auto expected = minutes.due(MinuteByMinute(expression));
      const auto schedule = std::get<CronSchedule>(CronSchedule::make(expression, window.zone));
      for (int probe = 0; probe < 200; ++probe) {
        const Time after = window.first + seconds{random.between(0, window.days * 86400)} +
                           microseconds{random.between(0, 1) * random.between(0, 999999)};
        const auto next = std::upper_bound(expected.begin(), expected.end(), after);
        if (next == expected.end()) continue;
        INFO("after " << format_rfc3339(after));
        const auto found = schedule.next(after);
        REQUIRE(found);
        if (*found != *next) REQUIRE(format_rfc3339(*found) == format_rfc3339(*next));
      }
    }
  }
}

TEST_CASE("the shortest interval is that of the instants of forty years") {
  const unsigned seed = test_seed();
  INFO("PUNCTUAL_TEST_SEED=" << seed);
  RandomExpressions random(seed);
  const std::vector<std::string> zones{"UTC",
                                       "Europe/Berlin",
                                       "America/New_York",
                                       "Australia/Lord_Howe",
                                       "Asia/Kathmandu",
                                       "Africa/Casablanca",
                                       "Antarctica/Troll"};
  const Time first = midnight(2026, 1, 1);
  for (int round = 0; round < 21; ++round) {
    // Few minutes, so that forty years can be walked over.
    const std::string minutes = std::to_string(random.between(0, 59)) + "," + std::to_string(random.between(0, 59));
    const std::string expression = minutes + " " + random.hour() + " " + random.day_fields();
    const std::string& zone = zones[static_cast<std::size_t>(round) % zones.size()];
    INFO(expression << " in " << zone);
    const auto made = CronSchedule::make(expression, zone);
    if (!std::holds_alternative<CronSchedule>(made)) continue;
    const auto& schedule = std::get<CronSchedule>(made);
    seconds shortest = std::chrono::days{365};
    for (auto last = schedule.next(first); last && *last < first + std::chrono::years{40};) {
      const auto next = schedule.next(*last);
      if (next) shortest = std::min(shortest, std::chrono::duration_cast<seconds>(*next - *last));
      last = next;
    }
    REQUIRE_FALSE(interval_below(shortest, schedule, first));
    if (shortest < std::chrono::days{365}) REQUIRE(interval_below(shortest + seconds{1}, schedule, first) == shortest);
  }
}

TEST_CASE("an expression is refused exactly when no day of the 400 years of the calendar fits it") {
  const unsigned seed = test_seed();
  INFO("PUNCTUAL_TEST_SEED=" << seed);
  RandomExpressions random(seed);
  using std::chrono::sys_days;
  const sys_days first{std::chrono::year{2000} / 1 / 1};
  const sys_days end{std::chrono::year{2400} / 1 / 1};
  for (int round = 0; round < 150; ++round) {
    const std::string expression = "0 0 " + random.day_fields();
    INFO(expression);
    const MinuteByMinute plain(expression);
    bool fits = false;
    for (auto day = first; day < end && !fits; day += std::chrono::days{1}) fits = plain.fits_day(day);
    REQUIRE(CronExpression::parse(expression).has_value() == fits);
  }
}

}  // namespace punctual
