#include "load/histogram.hpp"

#include <catch2/catch.hpp>

using namespace punctual;
using punctual::bench::Histogram;

TEST_CASE("an empty histogram has no percentiles") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.percentile(99) == microseconds{0});
}

TEST_CASE("percentiles are off by less than 1 %, from a microsecond to an hour") {
  for (const std::int64_t value :
       {1LL, 127LL, 128LL, 129LL, 1000LL, 12'345LL, 999'999LL, 60'000'000LL, 3'600'000'000LL}) {
    Histogram histogram;
    histogram.add(microseconds{value});
    histogram.add(microseconds{value * 2});  // so that the largest value does not stand for both
    const auto found = histogram.percentile(50).count();
    CHECK(found >= value);
    CHECK(static_cast<double>(found - value) < 0.01 * static_cast<double>(value));
  }
}

TEST_CASE("a percentile is the smallest value that so many do not exceed") {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.add(microseconds{i});
  CHECK(histogram.percentile(0) == microseconds{1});
  CHECK(histogram.percentile(50) == microseconds{50});
  CHECK(histogram.percentile(95) == microseconds{95});
  CHECK(histogram.percentile(95.1) == microseconds{96});
  CHECK(histogram.percentile(100) == microseconds{100});
  CHECK(histogram.max() == microseconds{100});
}

TEST_CASE("histograms add up") {
  Histogram all;
  Histogram other;
  all.add(microseconds{10}, 3);
  other.add(microseconds{100});
  all.add(other);
  CHECK(all.count() == 4);
  CHECK(all.percentile(75) == microseconds{10});
  CHECK(all.percentile(100) == microseconds{100});
}

TEST_CASE("what is out of range is counted at its ends") {
  Histogram histogram;
  histogram.add(microseconds{-5});
  histogram.add(std::chrono::hours{24});
  CHECK(histogram.count() == 2);
  CHECK(histogram.percentile(50) == microseconds{0});
  CHECK(histogram.max() == std::chrono::hours{24});
}
