#include "engine/database_clock.hpp"

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct Compared {
  // The database is asked, and has answered after this long.
  void compare(Time theirs, microseconds taken = 0s) {
    const MonotonicTime asked = machine.monotonic();
    machine.advance(taken);
    clock.compare(asked, theirs, machine.monotonic());
  }

  FakeClock machine{Time{1'000'000s}};
  DatabaseClock clock{machine};
};

}  // namespace

TEST_CASE_METHOD(Compared, "without a database's clock the machine's is followed wherever it is set") {
  CHECK(clock.now() == machine.now());
  machine.set(-1h);
  CHECK(clock.now() == machine.now());
  CHECK(clock.offset() == 0s);
}

TEST_CASE_METHOD(Compared, "the time is the database's, whatever is done to the machine's clock") {
  const Time theirs = machine.now() + 3s;
  compare(theirs);
  CHECK(clock.now() == theirs);
  CHECK(clock.offset() == 3s);
  machine.advance(500ms);
  CHECK(clock.now() == theirs + 500ms);
  machine.set(-1h);
  CHECK(clock.now() == theirs + 500ms);
  CHECK(clock.offset() == 1h + 3s);
  machine.set(2h);
  CHECK(clock.now() == theirs + 500ms);
}

TEST_CASE_METHOD(Compared, "the database has said its time half of the way before it arrives") {
  const Time before = machine.now();
  compare(before + 100s, 2s);
  CHECK(clock.now() == before + 101s);
}

TEST_CASE_METHOD(Compared, "the machine's clock is kept where it may be the database's") {
  compare(machine.now() + 30ms, 40ms);
  CHECK(clock.now() == machine.now());
  machine.set(-1h);
  CHECK(clock.now() == machine.now() + 1h);
}

TEST_CASE_METHOD(Compared, "a difference that the way there and back may have made changes nothing") {
  compare(machine.now());
  const Time before = clock.now();
  compare(machine.now() + 30ms, 40ms);
  CHECK(clock.now() == before + 40ms);
  // No way is so long.
  compare(clock.now() + 100ms, 40ms);
  CHECK(clock.now() == before + 40ms + 100ms + 20ms);
}

TEST_CASE("what was planned has come at its time, and when it is further away than it can have been planned") {
  const Time now{1'000s};
  CHECK(has_come(now, now, 10s));
  CHECK(has_come(now - 1s, now, 10s));
  CHECK_FALSE(has_come(now + 1us, now, 10s));
  CHECK_FALSE(has_come(now + 10s, now, 10s));
  CHECK(has_come(now + 10s + 1us, now, 10s));
  CHECK(has_come(Time::min(), now, 10s));
}
