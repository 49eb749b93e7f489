#include "engine/occurrences.hpp"

#include <catch2/catch.hpp>

using namespace punctual;
using namespace std::chrono_literals;

namespace {

CronSchedule schedule(const char* expression) { return std::get<CronSchedule>(CronSchedule::make(expression, "UTC")); }

Time at(const char* text) { return parse_rfc3339(text).value(); }

const Time first = at("2026-03-01T10:01:00Z");

}  // namespace

TEST_CASE("an occurrence on time runs whatever the misfire policy") {
  const auto policy = GENERATE(Misfire::skip, Misfire::last, Misfire::all);
  const auto found = occurrences_to_run(schedule("* * * * *"), policy, first, first - 1s, first, 100);
  CHECK(found.run == std::vector{first});
  CHECK(found.next == first + 1min);
}

TEST_CASE("`skip` runs nothing that was missed and goes on with the next") {
  const auto now = at("2026-03-01T10:30:30Z");
  const auto found = occurrences_to_run(schedule("* * * * *"), Misfire::skip, first, now, now + 1s, 100);
  CHECK(found.run.empty());
  CHECK(found.next == at("2026-03-01T10:31:00Z"));
}

TEST_CASE("`skip` runs an occurrence that is only seconds late") {
  const auto now = at("2026-03-01T10:30:05Z");
  const auto found = occurrences_to_run(schedule("* * * * *"), Misfire::skip, first, now, now + 1s, 100);
  CHECK(found.run == std::vector{at("2026-03-01T10:30:00Z")});
}

TEST_CASE("`last` runs the latest missed occurrence once") {
  const auto now = at("2026-03-01T10:30:30Z");
  const auto found = occurrences_to_run(schedule("* * * * *"), Misfire::last, first, now, now + 1s, 100);
  CHECK(found.run == std::vector{at("2026-03-01T10:30:00Z")});
  CHECK(found.next == at("2026-03-01T10:31:00Z"));
}

TEST_CASE("`last` finds the latest of a year of missed minutes") {
  const auto now = at("2027-03-01T10:30:30Z");
  const auto found = occurrences_to_run(schedule("* * * * *"), Misfire::last, first, now, now + 1s, 100);
  CHECK(found.run == std::vector{at("2027-03-01T10:30:00Z")});
}

TEST_CASE("`last` runs a single missed occurrence of a rare schedule") {
  const auto missed = at("2026-02-01T00:00:00Z");
  const auto now = at("2026-02-20T10:30:30Z");
  const auto found = occurrences_to_run(schedule("0 0 1 * *"), Misfire::last, missed, now, now + 1s, 100);
  CHECK(found.run == std::vector{missed});
  CHECK(found.next == at("2026-03-01T00:00:00Z"));
}

TEST_CASE("`all` runs every missed occurrence, a bounded number at a time") {
  const auto now = at("2026-03-01T10:30:30Z");
  const auto found = occurrences_to_run(schedule("* * * * *"), Misfire::all, first, now, now + 1s, 20);
  CHECK(found.run.size() == 20);
  CHECK(found.run.front() == first);
  CHECK(found.next == at("2026-03-01T10:21:00Z"));
  const auto rest = occurrences_to_run(schedule("* * * * *"), Misfire::all, *found.next, now, now + 1s, 20);
  CHECK(rest.run.size() == 10);
  CHECK(rest.next == at("2026-03-01T10:31:00Z"));
}
