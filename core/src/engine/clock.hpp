// The engine's time: injected, so that tests move it by hand (tests/support/fake_clock.hpp).
// Every function may be called from any thread.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <mutex>

#include "punctual/time.hpp"

namespace punctual {

class Clock {
 public:
  virtual ~Clock() = default;

  // What is due, and the time that is stored and shown. It may be set, forth and back.
  [[nodiscard]] virtual Time now() const noexcept = 0;

  // How long something lasts. It goes on by itself whatever is done to now().
  [[nodiscard]] virtual MonotonicTime monotonic() const noexcept = 0;

  // Waits on `condition` with `lock` held until it is notified or `deadline` has come; may return early for no reason, so
  // the caller checks what it waits for in a loop.
  virtual void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, Time deadline) = 0;
};

// The machine's clock. Waits are bounded to a second each, so that a step of the system clock is noticed.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Time now() const noexcept override {
    return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  }
  // Goes on while the machine is suspended, as other machines do.
  [[nodiscard]] MonotonicTime monotonic() const noexcept override {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return MonotonicTime{seconds{time.tv_sec} + microseconds{time.tv_nsec / 1000}};
  }
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, Time deadline) override {
    const auto wait = std::min<microseconds>(deadline - now(), seconds{1});
    if (wait > microseconds{0}) condition.wait_for(lock, wait);
  }
};

// Whether what was planned at most `ahead` of its time has come. What is further away was planned before the clock was set back.
[[nodiscard]] inline bool has_come(Time planned, Time now, microseconds ahead) {
  return planned <= now || planned - now > ahead;
}

}  // namespace punctual
