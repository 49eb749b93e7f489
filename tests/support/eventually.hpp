// Waits for what other threads bring about.
#pragma once

#include <chrono>
#include <thread>

namespace punctual::testing {

// True as soon as `condition` is, false when it is still not after `limit`.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::seconds limit = std::chrono::seconds{10}) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace punctual::testing
