#include "cron/cron_expression.hpp"

#include "punctual/time.hpp"
#include "support/precompiled.hpp"

namespace punctual {
namespace {

using std::chrono::local_days;

LocalMinute at(int year, int month, int day, int hour = 0, int minute = 0) {
  return local_days{std::chrono::year{year} / month / day} + std::chrono::hours{hour} + std::chrono::minutes{minute};
}

std::string text_of(LocalMinute local) {
  return format_rfc3339(Time{local.time_since_epoch()}).substr(0, 16);  // to the minute
}

// The first minutes named by an expression at or after `from`.
std::vector<std::string> minutes_of(std::string_view expression, LocalMinute from, std::size_t count) {
  const auto parsed = CronExpression::parse(expression);
  REQUIRE(parsed);
  std::vector<std::string> out;
  for (auto next = parsed->first_match(from); next && out.size() < count;
       next = parsed->first_match(*next + std::chrono::minutes{1})) {
    out.push_back(text_of(*next));
  }
  return out;
}

// The days of a month, e.g. {2, 9}, on which an expression for midnight matches.
std::vector<int> days_of(std::string_view expression, int year, int month) {
  const auto parsed = CronExpression::parse(expression);
  REQUIRE(parsed);
  const auto end = local_days{std::chrono::year{year} / month / std::chrono::last} + std::chrono::days{1};
  std::vector<int> out;
  for (auto next = parsed->first_match(at(year, month, 1)); next && *next < end;
       next = parsed->first_match(*next + std::chrono::minutes{1})) {
    const auto day = std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(*next)}.day();
    out.push_back(static_cast<int>(static_cast<unsigned>(day)));
  }
  return out;
}

using Days = std::vector<int>;
using Minutes = std::vector<std::string>;

}  // namespace

TEST_CASE("minutes and hours come in their order") {
  const auto from = at(2026, 1, 1, 9, 31);
  CHECK(minutes_of("* * * * *", from, 2) == Minutes{"2026-01-01T09:31", "2026-01-01T09:32"});
  CHECK(minutes_of("*/15 * * * *", from, 3) == Minutes{"2026-01-01T09:45", "2026-01-01T10:00", "2026-01-01T10:15"});
  CHECK(minutes_of("30 9 * * *", from, 2) == Minutes{"2026-01-02T09:30", "2026-01-03T09:30"});
  CHECK(minutes_of("5,50 9,22 * * *", from, 4) ==
        Minutes{"2026-01-01T09:50", "2026-01-01T22:05", "2026-01-01T22:50", "2026-01-02T09:05"});
  CHECK(minutes_of("59 23 31 12 *", from, 2) == Minutes{"2026-12-31T23:59", "2027-12-31T23:59"});
}

TEST_CASE("a step counts from the beginning of its range") {
  const auto from = at(2026, 1, 1);
  CHECK(minutes_of("10-20/4 0 * * *", from, 3) == Minutes{"2026-01-01T00:10", "2026-01-01T00:14", "2026-01-01T00:18"});
  CHECK(minutes_of("50/5 0 * * *", from, 3) == Minutes{"2026-01-01T00:50", "2026-01-01T00:55", "2026-01-02T00:50"});
  CHECK(minutes_of("*/40 0 * * *", from, 3) == Minutes{"2026-01-01T00:00", "2026-01-01T00:40", "2026-01-02T00:00"});
  CHECK(minutes_of("*/60 * * * *", from, 2) == Minutes{"2026-01-01T00:00", "2026-01-01T01:00"});
  CHECK(days_of("0 0 */10 * *", 2026, 1) == Days{1, 11, 21, 31});
}

TEST_CASE("a range whose end is before its beginning goes on from the lowest value") {
  const auto from = at(2026, 1, 1);
  CHECK(minutes_of("0 22-2/2 * * *", from, 4) ==
        Minutes{"2026-01-01T00:00", "2026-01-01T02:00", "2026-01-01T22:00", "2026-01-02T00:00"});
  CHECK(days_of("0 0 30-2 * *", 2026, 1) == Days{1, 2, 30, 31});
  CHECK(minutes_of("0 0 1 11-2 *", at(2026, 2, 2), 5) ==
        Minutes{"2026-11-01T00:00", "2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00", "2027-11-01T00:00"});
  CHECK(days_of("0 0 * * FRI-MON", 2026, 5) ==
        Days{1, 2, 3, 4, 8, 9, 10, 11, 15, 16, 17, 18, 22, 23, 24, 25, 29, 30, 31});
  CHECK(minutes_of("50-10/10 0 * * *", from, 4) ==
        Minutes{"2026-01-01T00:00", "2026-01-01T00:10", "2026-01-01T00:50", "2026-01-02T00:00"});
}

TEST_CASE("months and weekdays have names in any case") {
  CHECK(minutes_of("0 0 1 jan,Jul *", at(2026, 2, 1), 2) == Minutes{"2026-07-01T00:00", "2027-01-01T00:00"});
  CHECK(days_of("0 0 * * mon", 2026, 2) == Days{2, 9, 16, 23});
  CHECK(days_of("0 0 * FEB MON-wed/2", 2026, 2) == Days{2, 4, 9, 11, 16, 18, 23, 25});
}

TEST_CASE("0 and 7 are Sunday") {
  const Days sundays{1, 8, 15, 22};
  CHECK(days_of("0 0 * * 0", 2026, 2) == sundays);
  CHECK(days_of("0 0 * * 7", 2026, 2) == sundays);
  CHECK(days_of("0 0 * * SUN", 2026, 2) == sundays);
  CHECK(days_of("0 0 * * 6-7", 2026, 2) == Days{1, 7, 8, 14, 15, 21, 22, 28});
  CHECK(days_of("0 0 * * 7-1", 2026, 2) == Days{1, 2, 8, 9, 15, 16, 22, 23});
  CHECK(days_of("0 0 * * 0-7", 2026, 2).size() == 28);
  CHECK(days_of("0 0 * * 7L", 2026, 2) == Days{22});
  CHECK(days_of("0 0 * * 7#2", 2026, 2) == Days{8});
}

TEST_CASE("L is the last day of the month") {
  CHECK(days_of("0 0 L * *", 2026, 1) == Days{31});
  CHECK(days_of("0 0 L * *", 2026, 2) == Days{28});
  CHECK(days_of("0 0 l * *", 2028, 2) == Days{29});
  CHECK(days_of("0 0 15,L * *", 2026, 4) == Days{15, 30});
}

TEST_CASE("nW is the Monday to Friday nearest to a day in the same month") {
  CHECK(days_of("0 0 15W * *", 2026, 1) == Days{15});  // a Thursday
  CHECK(days_of("0 0 15W * *", 2026, 2) == Days{16});  // of a Sunday
  CHECK(days_of("0 0 15w * *", 2026, 8) == Days{14});  // of a Saturday
  CHECK(days_of("0 0 1W * *", 2026, 8) == Days{3});    // of a Saturday that begins the month
  CHECK(days_of("0 0 1W * *", 2026, 2) == Days{2});    // of a Sunday that begins the month
  CHECK(days_of("0 0 31W * *", 2026, 5) == Days{29});  // of a Sunday that ends the month
  CHECK(days_of("0 0 31W * *", 2026, 1) == Days{30});  // of a Saturday that ends the month
  CHECK(days_of("0 0 31W * *", 2026, 4).empty());      // there is no 31st
  CHECK(days_of("0 0 1W,15W * *", 2026, 8) == Days{3, 14});
}

TEST_CASE("LW is the last Monday to Friday of the month") {
  CHECK(days_of("0 0 LW * *", 2026, 1) == Days{30});
  CHECK(days_of("0 0 LW * *", 2026, 2) == Days{27});
  CHECK(days_of("0 0 lw * *", 2026, 5) == Days{29});
  CHECK(days_of("0 0 LW * *", 2026, 8) == Days{31});
}

TEST_CASE("5L is the last Friday and 5#3 the third of the month") {
  CHECK(days_of("0 0 * * 5L", 2026, 1) == Days{30});
  CHECK(days_of("0 0 * * friL", 2026, 2) == Days{27});
  CHECK(days_of("0 0 * * 5#3", 2026, 1) == Days{16});
  CHECK(days_of("0 0 * * MON#1,MON#3", 2026, 2) == Days{2, 16});
  CHECK(days_of("0 0 * * 5#5", 2026, 1) == Days{30});
  CHECK(days_of("0 0 * * 5#5", 2026, 2).empty());
}

TEST_CASE("a day counts when it fits the day of month or the weekday where both are restricted") {
  CHECK(days_of("0 0 13 * 5", 2026, 2) == Days{6, 13, 20, 27});
  CHECK(days_of("0 0 1,20 * MON", 2026, 2) == Days{1, 2, 9, 16, 20, 23});
  CHECK(days_of("0 0 L * 5#1", 2026, 2) == Days{6, 28});
  CHECK(days_of("0 0 1-31 * MON", 2026, 2).size() == 28);
}

TEST_CASE("a day counts when it fits both where one of them begins with an asterisk") {
  CHECK(days_of("0 0 */2 * MON", 2026, 2) == Days{9, 23});
  CHECK(days_of("0 0 13 * */7", 2026, 2).empty());
  CHECK(days_of("0 0 *,13 * MON", 2026, 2) == Days{2, 9, 16, 23});
  CHECK(days_of("0 0 13 * *", 2026, 2) == Days{13});
}

TEST_CASE("macros stand for whole expressions") {
  const auto from = at(2026, 2, 3, 4, 5);
  CHECK(minutes_of("@yearly", from, 1) == Minutes{"2027-01-01T00:00"});
  CHECK(minutes_of("@annually", from, 1) == Minutes{"2027-01-01T00:00"});
  CHECK(minutes_of("@monthly", from, 1) == Minutes{"2026-03-01T00:00"});
  CHECK(minutes_of("@weekly", from, 1) == Minutes{"2026-02-08T00:00"});
  CHECK(minutes_of("@daily", from, 1) == Minutes{"2026-02-04T00:00"});
  CHECK(minutes_of("@midnight", from, 1) == Minutes{"2026-02-04T00:00"});
  CHECK(minutes_of(" @hourly ", from, 1) == Minutes{"2026-02-03T05:00"});
}

TEST_CASE("any white space stands between fields and around them") {
  CHECK(minutes_of("\t5  4\t \n1 1\r*\f ", at(2026, 1, 1), 1) == Minutes{"2026-01-01T04:05"});
}

TEST_CASE("rare days are found however far away they are") {
  CHECK(minutes_of("0 0 29 2 *", at(2096, 3, 1), 1) == Minutes{"2104-02-29T00:00"});
  CHECK(minutes_of("0 0 * 2 1#5", at(2072, 3, 1), 1) == Minutes{"2112-02-29T00:00"});
  CHECK(minutes_of("59 23 31 12 *", at(9999, 1, 1), 5) == Minutes{"9999-12-31T23:59"});
}

TEST_CASE("an hour field that begins with an asterisk follows elapsed time") {
  for (const char* text : {"0 * * * *", "*/5 * * * *", "0 */2 * * *", "0 *,3 * * *", "@hourly"}) {
    INFO(text);
    CHECK(CronExpression::parse(text)->follows_elapsed_time());
  }
  for (const char* text : {"* 3 * * *", "0 0-23 * * *", "0 3,* * * *", "@daily"}) {
    INFO(text);
    CHECK_FALSE(CronExpression::parse(text)->follows_elapsed_time());
  }
}

TEST_CASE("what is no cron expression is refused") {
  for (const char* text : {"",
                           " ",
                           "*",
                           "* * * *",
                           "* * * * * *",
                           "60 * * * *",
                           "-1 * * * *",
                           "* 24 * * *",
                           "* * 0 * *",
                           "* * 32 * *",
                           "* * * 0 *",
                           "* * * 13 *",
                           "* * * * 8",
                           "a * * * *",
                           "1, * * * *",
                           ",1 * * * *",
                           "1,,2 * * * *",
                           "1- * * * *",
                           "-5 * * * *",
                           "1-2-3 * * * *",
                           "*/0 * * * *",
                           "*/ * * * *",
                           "/5 * * * *",
                           "*/5/2 * * * *",
                           "*/61 * * * *",
                           "* */25 * * *",
                           "*-5 * * * *",
                           "5-* * * * *",
                           "** * * * *",
                           "*5 * * * *",
                           "1.5 * * * *",
                           "+5 * * * *",
                           "0x5 * * * *",
                           "99999999999 * * * *",
                           "* JAN * * *",
                           "* * JAN * *",
                           "* * * MON *",
                           "* * * * JAN",
                           "* * * JANUARY *",
                           "* * * * MONDAY",
                           "L * * * *",
                           "* L * * *",
                           "* * * L *",
                           "* * * * L",
                           "* * W * *",
                           "* * 0W * *",
                           "* * 32W * *",
                           "* * WL * *",
                           "* * L-3 * *",
                           "* * 1-5W * *",
                           "* * 15W/2 * *",
                           "* * L/2 * *",
                           "* * * * 8L",
                           "* * * * 5#0",
                           "* * * * 5#6",
                           "* * * * #3",
                           "* * * * 5#",
                           "* * * * 5#3#1",
                           "* * * * 1-5L",
                           "* * * * 5L#1",
                           "* * ? * *",
                           "@reboot",
                           "@",
                           "@daily *",
                           "@every 5m",
                           "* * * * *\xc2\xa0",
                           "*\v*\v*\v*"}) {
    INFO("'" << text << "'");
    CHECK_FALSE(CronExpression::parse(text));
  }
}

TEST_CASE("a date that never comes is refused") {
  for (const char* text : {"0 0 30 2 *", "0 0 31 4,6 *", "0 0 31 2,4,6,9,11 *", "0 0 30-31 FEB *", "0 0 30W 2 *",
                           "0 0 */29 2 1#5", "0 0 */30 2 MON#5", "0 0 */31 4 5L"}) {
    INFO(text);
    CHECK_FALSE(CronExpression::parse(text));
  }
}

TEST_CASE("a date that comes, however rarely, is accepted") {
  for (const char* text : {"0 0 29 2 *", "0 0 31 4,5 *", "0 0 30 2 MON", "0 0 30 2 1#5", "0 0 29 2 1#5", "0 0 * 2 1#5",
                           "0 0 29W 2 *", "0 0 */28 2 1#5", "0 0 29 2 */3"}) {
    INFO(text);
    CHECK(CronExpression::parse(text));
  }
}

}  // namespace punctual
