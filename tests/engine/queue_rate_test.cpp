// How the rates of queues are written and kept.
#include <catch2/catch.hpp>
#include <random>

#include "punctual/queues.hpp"

using namespace punctual;
using namespace std::chrono_literals;

TEST_CASE("a rate is a count a second, a minute or an hour") {
  CHECK(parse_queue_rate("10/s") == QueueRate{10, 1s});
  CHECK(parse_queue_rate("1/m") == QueueRate{1, 60s});
  CHECK(parse_queue_rate("100000/h") == QueueRate{100000, 3600s});
  for (const std::string text : {"10/s", "100/m", "1000/h"}) CHECK(text_of(parse_queue_rate(text).value()) == text);
  for (const std::string text : {"", "/s", "10", "10/", "10/d", "0/s", "01/s", "-1/s", "+1/s", "1.5/s", "1 /s", " 1/s",
                                 "1/s ", "1/S", "1//s", "100001/s", "99999999999999999999/s", "1e3/s", "10/sec"}) {
    INFO(text);
    CHECK_FALSE(parse_queue_rate(text));
  }
}

TEST_CASE("a rate is kept in every span of its period, whenever starts are asked for, and is made use of") {
  const auto rate =
      GENERATE(QueueRate{1, 1s}, QueueRate{7, 1s}, QueueRate{39, 1s}, QueueRate{40, 1s}, QueueRate{1000, 1s},
               QueueRate{100000, 1s}, QueueRate{100, 60s}, QueueRate{5000, 60s}, QueueRate{3, 3600s});
  const QueuePace pace(rate);
  const auto seed = std::random_device{}();
  CAPTURE(text_of(rate), seed, pace.at_once, pace.every.count());
  std::mt19937 random(seed);
  const auto below = [&](std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(0, most)(random); };

  // When asked for as soon as there is one, or as it happens, with pauses, and not always for all there are.
  const bool eager = GENERATE(true, false);
  std::vector<Time> starts;
  std::optional<Time> next_at;
  Time now{};
  const auto wanted = static_cast<std::size_t>(std::min(4 * rate.count, 20000));
  while (starts.size() < wanted) {
    const int left = pace.starts_left(next_at, now);
    const int taken = eager ? left : static_cast<int>(below(left));
    starts.insert(starts.end(), static_cast<std::size_t>(taken), now);
    if (taken > 0) next_at = pace.after(next_at, now, taken);
    if (eager) {
      now = std::max(now, pace.first_start(next_at.value()));
    } else {
      now += microseconds{below(microseconds{rate.period}.count() / (below(9) == 0 ? 1 : rate.count))};
    }
  }
  const auto count = static_cast<std::size_t>(rate.count);
  for (std::size_t i = 0; i + count < starts.size(); ++i) REQUIRE(starts[i + count] - starts[i] >= rate.period);
  if (eager) {
    const std::chrono::duration<double> took = starts.back() - starts.front();
    const std::chrono::duration<double> period = rate.period;
    CHECK(took <= period * (static_cast<double>(wanted) / rate.count) * 1.06);
  }
}

TEST_CASE("starts that were not made use of are no more than the bucket holds") {
  const QueuePace pace(QueueRate{100, 1s});
  REQUIRE(pace.at_once == 5);
  const Time now{1h};
  CHECK(pace.starts_left(std::nullopt, now) == 5);
  const Time next_at = pace.after(std::nullopt, now, 5);
  CHECK(pace.starts_left(next_at, now) == 0);
  CHECK(pace.starts_left(next_at, now + pace.every - 1us) == 0);
  CHECK(pace.starts_left(next_at, now + pace.every) == 1);
  CHECK(pace.first_start(next_at) == now + pace.every);
  CHECK(pace.starts_left(next_at, now + 1h) == 5);
}
