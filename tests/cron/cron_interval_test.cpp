#include "cron/cron_interval.hpp"

#include "support/precompiled.hpp"

using namespace punctual;
using namespace std::chrono_literals;

namespace {

const Time january = parse_rfc3339("2026-01-10T12:00:30Z").value();

// An interval that is found below `enough`.
std::optional<seconds> below(seconds enough, const char* expression, const char* timezone = "UTC",
                             Time from = january) {
  return interval_below(enough, std::get<CronSchedule>(CronSchedule::make(expression, timezone)), from);
}

}  // namespace

TEST_CASE("an interval is measured between neighbouring instants") {
  CHECK_FALSE(below(300s, "*/5 * * * *"));
  CHECK(below(301s, "*/5 * * * *") == 300s);
  CHECK_FALSE(below(86400s, "0 9 * * *"));
  CHECK_FALSE(below(60s, "* * * * *"));
  CHECK(below(61s, "* * * * *") == 60s);
}

TEST_CASE("an interval across the end of an hour, a day, a month and a year is seen") {
  CHECK(below(300s, "*/7 * * * *") == 240s);
  CHECK(below(600s, "5,55 * * * *") == std::nullopt);
  CHECK(below(601s, "5,55 * * * *") == 600s);
  CHECK(below(3600s, "58 23 * * *") == std::nullopt);
  CHECK(below(600s, "2,58 0,23 * * *") == 240s);
  CHECK(below(2 * 86400s, "0 0 1,31 * *") == 86400s);
  CHECK(below(2 * 86400s, "0 0 1 1 *") == std::nullopt);
  CHECK(below(2 * 86400s, "0 0 31,1 12,1 *") == 86400s);
}

TEST_CASE("an interval that only a leap day makes is seen") {
  CHECK_FALSE(below(2 * 86400s, "0 0 28 2 *"));
  CHECK(below(2 * 86400s, "0 0 28,29 2 *") == 86400s);
}

TEST_CASE("an interval that only a clock change makes is seen") {
  // 02:30 is skipped in spring and runs when the clock shows 03:00.
  CHECK_FALSE(below(3600s, "30 * * * *", "Europe/Berlin"));
  CHECK(below(3600s, "30 2,3 * * *", "Europe/Berlin") == 1800s);
  CHECK_FALSE(below(3600s, "30 2,3 * * *", "UTC"));
  // The day of the change is an hour shorter.
  CHECK(below(86400s, "0 12 * * *", "Europe/Berlin") == 82800s);
  CHECK_FALSE(below(86400s, "0 12 * * *", "Asia/Tokyo"));
}

TEST_CASE("a clock change is looked at though thousands of instants come before it") {
  // From April on the next spring is eleven months and more than ten thousand instants away.
  const Time april = parse_rfc3339("2026-04-10T12:00:00Z").value();
  CHECK(below(600s, "5-55/10 0-1,2,3-23 * * *", "Europe/Berlin", april) == 300s);
  CHECK_FALSE(below(600s, "5-55/10 0-1,2,3-23 * * *", "UTC", april));
}

TEST_CASE("an interval far behind tens of thousands of instants is seen") {
  // From the last of October to the first of November.
  CHECK(below(300s, "0-50/5,59 0-20/2,23 1-31/2 1-11/2,10 *") == 60s);
  CHECK_FALSE(below(300s, "0-50/5,59 0-20/2,23 1-27/2 * *"));
  // From the 29th of February to the first of March.
  CHECK(below(300s, "0-50/5,59 0-20/2,23 29,1 2,3 */1") == 60s);
}

TEST_CASE("half an hour that the clock is set forward makes an interval shorter by that") {
  CHECK(below(86400s, "0 12 * * *", "Australia/Lord_Howe") == 84600s);
  CHECK_FALSE(below(84600s, "0 12 * * *", "Australia/Lord_Howe"));
}

TEST_CASE("an interval that a change of the clock swallows whenever it would come is none") {
  // On the last Sunday of March 02:00 is 03:00 already.
  CHECK_FALSE(below(7200s, "0 2,3 * 3 7L", "Europe/Berlin"));
  CHECK(below(7200s, "0 2,3 * 3 7L", "UTC") == 3600s);
}
