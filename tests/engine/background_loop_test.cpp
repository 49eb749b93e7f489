#include "engine/background_loop.hpp"

#include <atomic>
#include <catch2/catch.hpp>

#include "support/eventually.hpp"
#include "support/fake_clock.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct Loop {
  explicit Loop(std::function<Time(Time)> plan)
      : loop(clock, [this, plan = std::move(plan)] {
          ++steps;
          return plan(clock.now());
        }) {
    loop.start();
  }

  // Lets so much time pass in small parts, so that the loop has a chance at each of them.
  void pass(microseconds time, microseconds part = 100ms) {
    for (microseconds passed{0}; passed < time; passed += part) {
      clock.advance(part);
      std::this_thread::sleep_for(2ms);
    }
  }

  FakeClock clock{Time{1'000'000s}};
  std::atomic<int> steps{0};
  BackgroundLoop loop;
};

Time in_a_second(Time now) { return now + 1s; }

}  // namespace

TEST_CASE("a loop runs its step when the time has come, and when it is woken") {
  Loop one(in_a_second);
  REQUIRE(eventually([&] { return one.steps == 1; }));
  one.clock.advance(1s);
  REQUIRE(eventually([&] { return one.steps == 2; }));
  one.loop.wake(one.clock.now());
  CHECK(eventually([&] { return one.steps == 3; }));
}

TEST_CASE("a loop waits no longer than it was to wait when the clock is set back") {
  Loop one(in_a_second);
  REQUIRE(eventually([&] { return one.steps == 1; }));
  one.clock.set(-30s);
  one.clock.advance(1s);
  REQUIRE(eventually([&] { return one.steps == 2; }));
  one.clock.set(-24h);
  one.clock.advance(1s);
  CHECK(eventually([&] { return one.steps == 3; }));
}

TEST_CASE("a loop runs its step as soon as the clock is set forward to its time") {
  Loop one(in_a_second);
  REQUIRE(eventually([&] { return one.steps == 1; }));
  one.clock.set(1s);
  CHECK(eventually([&] { return one.steps == 2; }));
}

TEST_CASE("a step that still names a time from before the clock was set back is not run over and over") {
  const Time planned{1'000'001s};
  Loop one([&](Time) { return planned; });
  REQUIRE(eventually([&] { return one.steps == 1; }));
  one.clock.set(-1h);
  one.pass(3min, 1s);
  // The first after the second that was to pass, then one a minute.
  CHECK(one.steps >= 2);
  CHECK(one.steps <= 5);
}
