// Tally: which numbers have arrived how often, and how late. Value type; for one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/histogram.hpp"

namespace punctual::bench {

class Tally {
 public:
  // An arrival, at `at`, of what was due at `due`.
  void add(std::optional<std::uint32_t> number, std::optional<Time> due, Time at);
  // A reply is being kept waiting, or no longer.
  void waiting(int change);
  void reset();

  // All figures as JSON: see `target --help`.
  [[nodiscard]] std::string report() const;
  // One byte for each number from `from` on: how often it has arrived, 255 at most.
  [[nodiscard]] std::string counts(std::uint32_t from, std::uint32_t count) const;

 private:
  std::vector<std::uint8_t> counts_;  // by number
  std::uint64_t arrivals_ = 0;
  std::uint64_t distinct_ = 0;
  std::uint64_t repeats_ = 0;
  std::uint64_t early_ = 0;
  microseconds earliest_{};
  Histogram lateness_;
  Time first_{};
  Time last_{};
  int waiting_ = 0;
  int most_waiting_ = 0;
};

}  // namespace punctual::bench
