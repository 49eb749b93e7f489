// Histogram: how long things took, in fixed memory whatever their number. Buckets are linear within each power of two
// (as HdrHistogram has them), so a value is off by less than 1 %. Value type; for one thread at a time.
#pragma once

#include <array>
#include <cstdint>

#include "punctual/time.hpp"

namespace punctual::bench {

class Histogram {
 public:
  // Negative values count as 0, those beyond an hour as about one hour.
  void add(microseconds value, std::uint64_t times = 1);
  void add(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] microseconds max() const { return max_; }
  // The smallest value that at least `percent` of all do not exceed; 0 when there are none.
  [[nodiscard]] microseconds percentile(double percent) const;
  [[nodiscard]] double percentile_ms(double percent) const { return milliseconds_of(percentile(percent)); }
  [[nodiscard]] double max_ms() const { return milliseconds_of(max_); }

 private:
  static constexpr unsigned sub_bits = 7;  // 128 buckets for each power of two
  static constexpr std::uint64_t largest = std::uint64_t{1} << 32;
  static constexpr std::size_t buckets = (33 - sub_bits) << sub_bits;

  static double milliseconds_of(microseconds value) { return static_cast<double>(value.count()) / 1000; }
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t highest_of(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  microseconds max_{};
};

}  // namespace punctual::bench
