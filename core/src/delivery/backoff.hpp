// Backoff: when a failed attempt is tried again. Pure; any thread.
#pragma once

#include <optional>

#include "punctual/storage.hpp"
#include "punctual/time.hpp"

namespace punctual {

// The server's settings; a task may have its own base and cap.
struct RetryPolicy {
  milliseconds base{15000};
  milliseconds cap{3600000};
  int jitter_percent = 20;  // 0..100
};

// When the attempt after `claimed` is due: min(base * 2^(attempt - 1), cap) after `now`, moved by up to the jitter either
// way; or exactly `retry_after` after `now` where the receiver asked for that. `random` is in [0, 1) and decides the jitter:
// 0 is the earliest, 0.5 the middle.
[[nodiscard]] Time retry_time(const Claimed& claimed, const RetryPolicy& policy,
                              std::optional<microseconds> retry_after, Time now, double random);

}  // namespace punctual
