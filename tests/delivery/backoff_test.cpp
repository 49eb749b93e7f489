#include "delivery/backoff.hpp"

#include <limits>

#include "support/precompiled.hpp"

namespace punctual {
namespace {

using std::chrono::hours;

const Time now = *parse_rfc3339("2026-01-31T08:30:00Z");
constexpr double middle = 0.5;

Claimed attempt(int number, std::optional<seconds> delay = std::nullopt,
                std::optional<seconds> max_delay = std::nullopt) {
  Claimed out;
  out.attempt = number;
  out.retry_delay = delay;
  out.retry_max_delay = max_delay;
  return out;
}

microseconds wait(const Claimed& claimed, double random = middle, const RetryPolicy& policy = {}) {
  return retry_time(claimed, policy, std::nullopt, now, random) - now;
}

}  // namespace

TEST_CASE("the wait doubles with each attempt up to the cap") {
  CHECK(wait(attempt(1)) == seconds{15});
  CHECK(wait(attempt(2)) == seconds{30});
  CHECK(wait(attempt(3)) == seconds{60});
  CHECK(wait(attempt(8)) == seconds{1920});
  CHECK(wait(attempt(9)) == hours{1});
  CHECK(wait(attempt(10)) == hours{1});
}

TEST_CASE("the wait stays within the cap however many attempts there were") {
  const RetryPolicy wide{milliseconds{15000}, hours{24 * 366}, 0};
  for (const int number : {11, 32, 63, 64, 65, 1000, std::numeric_limits<int>::max()}) {
    CHECK(wait(attempt(number)) == hours{1});
    CHECK(wait(attempt(number), middle, wide) <= hours{24 * 366});
    CHECK(wait(attempt(number), middle, wide) > seconds{0});
  }
}

TEST_CASE("jitter moves the wait by up to its percentage either way") {
  CHECK(wait(attempt(1), 0.0) == seconds{12});
  CHECK(wait(attempt(1), 0.25) == milliseconds{13500});
  CHECK(wait(attempt(1), 0.75) == milliseconds{16500});
  CHECK(wait(attempt(1), 0.9999999) <= seconds{18});
  CHECK(wait(attempt(1), 0.9999999) > milliseconds{17999});
  CHECK(wait(attempt(20), 0.0) == std::chrono::minutes{48});
}

TEST_CASE("without jitter the wait is exact") {
  const RetryPolicy exact{milliseconds{100}, milliseconds{1000}, 0};
  for (const double random : {0.0, 0.3, 0.99}) CHECK(wait(attempt(2), random, exact) == milliseconds{200});
  CHECK(wait(attempt(5), 0.0, exact) == milliseconds{1000});
}

TEST_CASE("a task's own base and cap replace the settings") {
  CHECK(wait(attempt(1, seconds{2})) == seconds{2});
  CHECK(wait(attempt(4, seconds{2})) == seconds{16});
  CHECK(wait(attempt(4, seconds{2}, seconds{10})) == seconds{10});
  CHECK(wait(attempt(9, std::nullopt, hours{2})) == seconds{3840});
  CHECK(wait(attempt(1, hours{24 * 366}, hours{24 * 366})) == hours{24 * 366});
}

TEST_CASE("a cap below the base wins") {
  CHECK(wait(attempt(1, seconds{60}, seconds{10})) == seconds{10});
  CHECK(wait(attempt(3, seconds{60}, seconds{10})) == seconds{10});
  CHECK(wait(attempt(1, hours{5})) == hours{1});
}

TEST_CASE("what the receiver asked for replaces the wait, exactly") {
  for (const double random : {0.0, 0.5, 0.99}) {
    CHECK(retry_time(attempt(1), {}, seconds{3}, now, random) == now + seconds{3});
    CHECK(retry_time(attempt(9), {}, hours{24}, now, random) == now + hours{24});
    CHECK(retry_time(attempt(1), {}, seconds{0}, now, random) == now);
  }
}

}  // namespace punctual
