// ClaimFloor: the instant before which nothing is pending as far as this instance knows, so that a claim need not walk over
// what was claimed before (dead index entries, as long as a forgotten transaction keeps them from being removed). What other
// instances store or return behind it is found by a sweep without the floor. Any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "punctual/time.hpp"

namespace punctual::postgres {

class ClaimFloor {
 public:
  static constexpr seconds sweep_interval{5};
  static constexpr seconds margin{2};  // for work that others store a little late

  struct Claim {
    Time floor;
    Time now;
    std::uint64_t lowered = 0;
  };

  // For a claim that begins at `now`. It is a sweep when the last one is long ago.
  [[nodiscard]] Claim begin(Time now) {
    const std::lock_guard lock(mutex_);
    latest_ = std::max(latest_, now);
    const auto at = std::chrono::steady_clock::now();
    const bool sweeps = at - swept_ >= sweep_interval;
    if (sweeps) swept_ = at;
    return {sweeps ? Time::min() : floor_, now, lowered_};
  }

  // The claim has left `earliest` as the first one pending (nullopt: none).
  void end(const Claim& claim, std::optional<Time> earliest) {
    const std::lock_guard lock(mutex_);
    // What came meanwhile the claim may not have seen.
    if (claim.lowered == lowered_) floor_ = std::min(claim.now - margin, earliest.value_or(Time::max()));
  }

  // Something is pending that is due at `due`.
  void lower(Time due) {
    const std::lock_guard lock(mutex_);
    floor_ = std::min(floor_, due);
    if (due < latest_ - margin) ++lowered_;
  }

 private:
  std::mutex mutex_;
  Time floor_ = Time{};
  Time latest_ = Time{};       // of the claims
  std::uint64_t lowered_ = 0;  // how often below what a claim under way may make of the floor
  std::chrono::steady_clock::time_point swept_{};
};

}  // namespace punctual::postgres
