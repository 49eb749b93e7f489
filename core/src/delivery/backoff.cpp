#include "delivery/backoff.hpp"

#include <algorithm>

namespace punctual {

Time retry_time(const Claimed& claimed, const RetryPolicy& policy, std::optional<microseconds> retry_after, Time now,
                double random) {
  if (retry_after) return now + *retry_after;
  const microseconds cap = claimed.retry_max_delay ? *claimed.retry_max_delay : policy.cap;
  microseconds wait = claimed.retry_delay ? *claimed.retry_delay : policy.base;
  for (int doubled = 1; doubled < claimed.attempt && wait.count() > 0 && wait < cap; ++doubled) {
    wait = wait > cap / 2 ? cap : wait * 2;  // never past the cap, so never too large to count
  }
  wait = std::min(wait, cap);
  const double jitter = static_cast<double>(policy.jitter_percent) / 100 * (2 * random - 1);
  return now + wait + microseconds{static_cast<std::int64_t>(static_cast<double>(wait.count()) * jitter)};
}

}  // namespace punctual
