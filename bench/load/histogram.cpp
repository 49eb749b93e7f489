#include "load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace punctual::bench {

// Values below 2^sub_bits have a bucket each; above, the highest sub_bits bits after the leading one choose it.
std::size_t Histogram::bucket_of(std::uint64_t value) {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  if (width <= sub_bits) return static_cast<std::size_t>(value);
  const unsigned shift = width - sub_bits - 1;
  const std::uint64_t sub = (value >> shift) - (std::uint64_t{1} << sub_bits);
  return ((static_cast<std::size_t>(shift) + 1) << sub_bits) + static_cast<std::size_t>(sub);
}

std::uint64_t Histogram::highest_of(std::size_t bucket) {
  const std::size_t group = bucket >> sub_bits;
  if (group == 0) return bucket;
  const std::uint64_t sub = (bucket & ((std::size_t{1} << sub_bits) - 1)) + (std::uint64_t{1} << sub_bits);
  return ((sub + 1) << (group - 1)) - 1;
}

void Histogram::add(microseconds value, std::uint64_t times) {
  const auto positive = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
  counts_.at(bucket_of(std::min(positive, largest - 1))) += times;
  count_ += times;
  max_ = std::max(max_, value);
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

microseconds Histogram::percentile(double percent) const {
  if (count_ == 0) return {};
  const auto rank = std::max(1.0, std::ceil(percent / 100 * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (static_cast<double>(seen) >= rank) {
      return std::min(max_, microseconds{static_cast<std::int64_t>(highest_of(i))});
    }
  }
  return max_;
}

}  // namespace punctual::bench
