// A clock that stands still until a test moves it. Any thread.
#pragma once

#include <atomic>

#include "engine/clock.hpp"

namespace punctual::testing {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time start) : now_(start.time_since_epoch().count()) {}

  [[nodiscard]] Time now() const noexcept override { return Time{microseconds{now_.load()}}; }
  [[nodiscard]] MonotonicTime monotonic() const noexcept override {
    return MonotonicTime{microseconds{monotonic_.load()}};
  }

  // Looks at the fake time again every millisecond of real time.
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, Time deadline) override {
    if (now() < deadline) condition.wait_for(lock, milliseconds{1});
  }

  void advance(microseconds by) {
    now_ += by.count();
    monotonic_ += by.count();
  }

  // As an administrator does it, or NTP: no time has passed.
  void set(microseconds by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_;
  std::atomic<std::int64_t> monotonic_{0};
};

}  // namespace punctual::testing
