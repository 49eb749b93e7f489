#include <boost/json.hpp>

#include <catch2/catch.hpp>

#include "target/answers.hpp"
#include "target/tally.hpp"

using namespace punctual;
using namespace punctual::bench;

namespace {

const Time noon = parse_rfc3339("2026-01-31T12:00:00Z").value();

}  // namespace

TEST_CASE("a request to the target says its number, its due time and how it is to be answered") {
  const Asked asked = Asked::read("/n/000000123?due=1769860800000000&delay=5000&jitter=20&status=503&fail=0.25");
  CHECK(asked.number == 123U);
  CHECK(asked.due == noon);
  CHECK(asked.delay == milliseconds{5000});
  CHECK(asked.jitter == milliseconds{20});
  CHECK(asked.status == 503);
  CHECK(asked.fail == 0.25);
}

TEST_CASE("a request to the target that says nothing is answered 200 at once") {
  const Asked asked = Asked::read("/hook");
  std::minstd_rand random;
  CHECK_FALSE(asked.number);
  CHECK_FALSE(asked.due);
  CHECK(asked.chosen_status(random) == 200);
  CHECK(asked.chosen_delay(random) == milliseconds{0});
}

TEST_CASE("a part of the requests fails, with 500 when no status is given") {
  const Asked asked = Asked::read("/n/1?fail=0.3");
  std::minstd_rand random;
  int failed = 0;
  for (int i = 0; i < 10'000; ++i) {
    const int status = asked.chosen_status(random);
    CHECK((status == 200 || status == 500));
    failed += status == 500 ? 1 : 0;
  }
  CHECK(failed > 2'800);
  CHECK(failed < 3'200);
}

TEST_CASE("the tally knows what has come how often and how late") {
  Tally tally;
  tally.add(5, noon, noon + milliseconds{2});
  tally.add(7, noon, noon - milliseconds{1});
  tally.add(5, noon, noon + milliseconds{4});
  tally.add(std::nullopt, std::nullopt, noon + milliseconds{9});
  CHECK(tally.counts(4, 5) == std::string("\0\2\0\1\0", 5));
  const auto report = boost::json::parse(tally.report());
  CHECK(report.at("arrivals") == 4);
  CHECK(report.at("distinct") == 2);
  CHECK(report.at("repeats") == 1);
  CHECK(report.at("early") == 1);
  CHECK(report.at("earliest_us") == -1000);
  CHECK(report.at("lateness_ms").at("max") == 4.0);
}

TEST_CASE("a tally that is reset counts anew") {
  Tally tally;
  tally.waiting(+1);
  tally.add(5, noon, noon);
  tally.reset();
  CHECK(tally.counts(5, 1) == std::string(1, '\0'));
  const auto report = boost::json::parse(tally.report());
  CHECK(report.at("arrivals") == 0);
  CHECK(report.at("waiting") == 1);
}
