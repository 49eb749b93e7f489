#include "cron/cron_schedule.hpp"

#include "support/precompiled.hpp"

namespace punctual {
namespace {

CronSchedule schedule(std::string_view expression, std::string_view timezone) {
  auto made = CronSchedule::make(expression, timezone);
  REQUIRE(std::holds_alternative<CronSchedule>(made));
  return std::get<CronSchedule>(made);
}

Time instant(std::string_view text) {
  const auto time = parse_rfc3339(text);
  REQUIRE(time);
  return *time;
}

struct KnownAnswer {
  const char* expression;
  const char* zone;
  const char* after;
  std::vector<const char*> next;
};

void check(const std::vector<KnownAnswer>& answers) {
  for (const auto& answer : answers) {
    INFO(answer.expression << " in " << answer.zone << " after " << answer.after);
    std::vector<std::string> expected;
    for (const char* time : answer.next) expected.push_back(format_rfc3339(instant(time)));
    std::vector<std::string> found;
    for (const Time time : schedule(answer.expression, answer.zone).next(instant(answer.after), expected.size())) {
      found.push_back(format_rfc3339(time));
    }
    CHECK(found == expected);
  }
}

}  // namespace

TEST_CASE("times are those of the zone's clock") {
  check({
      {"30 8 * * *", "UTC", "2026-01-31T08:30:00Z", {"2026-02-01T08:30:00Z", "2026-02-02T08:30:00Z"}},
      {"30 8 * * *", "America/New_York", "2026-01-31T00:00:00Z", {"2026-01-31T08:30:00-05:00"}},
      {"30 8 * * *", "America/New_York", "2026-07-01T00:00:00Z", {"2026-07-01T08:30:00-04:00"}},
      {"0 9 * * MON", "Asia/Kathmandu", "2026-01-01T00:00:00Z", {"2026-01-05T09:00:00+05:45"}},
      {"0 0 1 * *", "Pacific/Auckland", "2026-06-15T00:00:00Z", {"2026-07-01T00:00:00+12:00"}},
  });
}

TEST_CASE("the next time is strictly later") {
  check({
      {"* * * * *", "UTC", "2026-01-01T00:00:00Z", {"2026-01-01T00:01:00Z"}},
      {"* * * * *", "UTC", "2026-01-01T00:00:59.999Z", {"2026-01-01T00:01:00Z"}},
      {"* * * * *", "UTC", "2025-12-31T23:59:59.999Z", {"2026-01-01T00:00:00Z"}},
      {"* * * * *", "UTC", "1969-12-31T23:58:00.5Z", {"1969-12-31T23:59:00Z", "1970-01-01T00:00:00Z"}},
  });
}

TEST_CASE("a skipped time is due once at the end of the gap") {
  check({
      {"30 2 * * *",
       "America/New_York",
       "2026-03-07T12:00:00Z",
       {"2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
      {"30 2 * * *",
       "Europe/Berlin",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
      {"15 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-03T12:00:00Z",
       {"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
      {"0 0 * * *",
       "America/Sao_Paulo",
       "2018-11-03T12:00:00Z",
       {"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
      {"0 9 * * *",
       "Pacific/Apia",
       "2011-12-29T09:00:00-10:00",
       {"2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"}},
  });
}

TEST_CASE("skipped times and those at the end of the gap are one") {
  check({
      {"0,15,30 2,3 * * *",
       "America/New_York",
       "2026-03-08T00:00:00-05:00",
       {"2026-03-08T03:00:00-04:00", "2026-03-08T03:15:00-04:00"}},
      {"*/20 1-3 * * *",
       "Europe/Berlin",
       "2026-03-29T01:40:00+01:00",
       {"2026-03-29T03:00:00+02:00", "2026-03-29T03:20:00+02:00"}},
      {"0,20,30 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-04T01:00:00+10:30",
       {"2026-10-04T02:30:00+11:00", "2026-10-05T02:00:00+11:00"}},
  });
}

TEST_CASE("a repeated time is due at its first pass only") {
  check({
      {"30 1 * * *",
       "America/New_York",
       "2026-10-31T12:00:00Z",
       {"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
      {"0,30 1,2 * * *",
       "America/New_York",
       "2026-11-01T00:00:00-04:00",
       {"2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-01T02:00:00-05:00"}},
      {"30 2 * * *",
       "Europe/Berlin",
       "2026-10-24T12:00:00Z",
       {"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
      {"45 1 * * *",
       "Australia/Lord_Howe",
       "2026-04-04T00:00:00Z",
       {"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
      {"30 23 * * *",
       "America/Sao_Paulo",
       "2018-02-17T12:00:00Z",
       {"2018-02-17T23:30:00-02:00", "2018-02-18T23:30:00-03:00"}},
  });
}

TEST_CASE("a search that begins in the second pass does not go back to the first") {
  check({
      {"30 1 * * *", "America/New_York", "2026-11-01T01:10:00-05:00", {"2026-11-02T01:30:00-05:00"}},
      {"0-23 2 * * *", "Europe/Berlin", "2026-10-25T02:05:00+01:00", {"2026-10-26T02:00:00+01:00"}},
  });
}

TEST_CASE("an hourly schedule skips what the clock skips") {
  check({
      {"30 * * * *",
       "America/New_York",
       "2026-03-08T01:00:00-05:00",
       {"2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00"}},
      {"0 */2 * * *",
       "Europe/Berlin",
       "2026-03-29T00:00:00+01:00",
       {"2026-03-29T04:00:00+02:00", "2026-03-29T06:00:00+02:00"}},
      {"*/15 * * * *",
       "Australia/Lord_Howe",
       "2026-10-04T01:30:00+10:30",
       {"2026-10-04T01:45:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00"}},
      {"0 * * * *",
       "Pacific/Apia",
       "2011-12-29T22:00:00-10:00",
       {"2011-12-29T23:00:00-10:00", "2011-12-31T00:00:00+14:00"}},
  });
}

TEST_CASE("an hourly schedule is due in both passes of a repeated hour") {
  check({
      {"*/30 * * * *",
       "America/New_York",
       "2026-11-01T01:00:00-04:00",
       {"2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00",
        "2026-11-01T02:00:00-05:00"}},
      {"15 * * * *",
       "Europe/Berlin",
       "2026-10-25T02:40:00+02:00",
       {"2026-10-25T02:15:00+01:00", "2026-10-25T03:15:00+01:00"}},
      {"10,40 * * * *",
       "Australia/Lord_Howe",
       "2026-04-05T01:00:00+11:00",
       {"2026-04-05T01:10:00+11:00", "2026-04-05T01:40:00+11:00", "2026-04-05T01:40:00+10:30",
        "2026-04-05T02:10:00+10:30"}},
  });
}

TEST_CASE("a rare date is found in a zone with daylight saving") {
  check({
      {"0 12 * 2 1#5", "America/New_York", "2072-03-01T00:00:00Z", {"2112-02-29T12:00:00-05:00"}},
      {"0 * 29 2 *", "Europe/Berlin", "2096-03-01T00:00:00Z", {"2104-02-29T00:00:00+01:00"}},
      {"0 3 1 7 *", "Europe/Berlin", "2600-01-01T00:00:00Z", {"2600-07-01T03:00:00+02:00"}},
  });
}

TEST_CASE("there is nothing after the year 9999") {
  for (const char* zone : {"UTC", "America/New_York", "Pacific/Kiritimati"}) {
    INFO(zone);
    CHECK_FALSE(schedule("* * * * *", zone).next(instant("9999-12-31T23:59:00Z")));
  }
  CHECK(schedule("* * * * *", "America/New_York").next(instant("9999-12-31T23:58:00Z")));
  CHECK_FALSE(schedule("0 0 29 2 *", "Europe/Berlin").next(instant("9997-01-01T00:00:00Z")));
  CHECK(schedule("0 0 1 1 *", "UTC").next(instant("9997-06-01T00:00:00Z"), 5).size() == 2);
  CHECK_FALSE(schedule("* * * * *", "America/New_York").next(Time::max()));
}

TEST_CASE("the first day of the first year is followed by its second") {
  check({
      {"@daily", "UTC", "0001-01-01T00:00:00Z", {"0001-01-02T00:00:00Z", "0001-01-03T00:00:00Z"}},
      {"@daily", "UTC", "0000-12-31T23:59:59Z", {"0001-01-01T00:00:00Z"}},
      {"@hourly", "UTC", "0001-01-01T00:00:00Z", {"0001-01-01T01:00:00Z", "0001-01-01T02:00:00Z"}},
  });
}

TEST_CASE("the search may begin at the earliest instant there is") {
  const auto found = schedule("0 0 1 1 *", "America/New_York").next(Time::min());
  REQUIRE(found);
  CHECK(*found > Time::min());
}

TEST_CASE("zones are known by their IANA names alone") {
  for (const char* zone : {"UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires",
                           "America/Port-au-Prince", "Etc/GMT+5", "EST5EDT", "Asia/Ho_Chi_Minh"}) {
    INFO(zone);
    CHECK(std::holds_alternative<CronSchedule>(CronSchedule::make("* * * * *", zone)));
  }
  const std::string with_nul("UTC\0x", 5);
  for (const std::string_view zone : {std::string_view(""),
                                      std::string_view("Mars/Olympus"),
                                      std::string_view("europe/berlin"),
                                      std::string_view("UTC0"),
                                      std::string_view("+01:00"),
                                      std::string_view("Fixed/UTC+01:00:00"),
                                      std::string_view("Fixed/UTC"),
                                      std::string_view("libc:localtime"),
                                      std::string_view("file:/etc/localtime"),
                                      std::string_view("localtime"),
                                      std::string_view("posixrules"),
                                      std::string_view("posix/Europe/Berlin"),
                                      std::string_view("right/UTC"),
                                      std::string_view("/usr/share/zoneinfo/Europe/Berlin"),
                                      std::string_view("../zoneinfo/Europe/Berlin"),
                                      std::string_view("Europe/../UTC"),
                                      std::string_view("Europe"),
                                      std::string_view("Europe/"),
                                      std::string_view("Europe//Berlin"),
                                      std::string_view(" UTC"),
                                      std::string_view("UTC "),
                                      std::string_view("zone.tab"),
                                      std::string_view("leapseconds"),
                                      std::string_view(with_nul)}) {
    INFO(zone);
    const auto made = CronSchedule::make("* * * * *", zone);
    REQUIRE(std::holds_alternative<ScheduleProblem>(made));
    CHECK(std::get<ScheduleProblem>(made) == ScheduleProblem::unknown_timezone);
  }
}

TEST_CASE("an expression that is none is an invalid expression in any zone") {
  for (const char* zone : {"UTC", "Mars/Olympus"}) {
    const auto made = CronSchedule::make("0 0 30 2 *", zone);
    REQUIRE(std::holds_alternative<ScheduleProblem>(made));
    CHECK(std::get<ScheduleProblem>(made) == ScheduleProblem::invalid_expression);
  }
}

}  // namespace punctual
