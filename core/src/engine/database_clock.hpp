// DatabaseClock: the engine's clock, set by the database's where there is one on another machine, so that all servers of one
// database agree on what is due and on the order of ids. Once it is set, what is done to this machine's clock changes nothing:
// it goes on evenly from one comparison to the next. Every function may be called from any thread.
#pragma once

#include <atomic>

#include "engine/clock.hpp"

namespace punctual {

class DatabaseClock final : public Clock {
 public:
  explicit DatabaseClock(Clock& machine) : machine_(machine) {}

  [[nodiscard]] Time now() const noexcept override {
    const auto start = start_.load(std::memory_order_relaxed);
    if (start == not_set) return machine_.now();
    return Time{microseconds{start}} + machine_.monotonic().time_since_epoch();
  }
  [[nodiscard]] MonotonicTime monotonic() const noexcept override { return machine_.monotonic(); }
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, Time deadline) override {
    machine_.wait_until(lock, condition, machine_.now() + (deadline - now()));
  }

  // How far the machine's clock is behind.
  [[nodiscard]] microseconds offset() const noexcept { return now() - machine_.now(); }

  // The database said `theirs` at some time between `asked` and `answered`. A difference that may be due to the way there and
  // back alone is passed over: this machine's clock may well be the database's, and a guess half of the way would be worse.
  void compare(MonotonicTime asked, Time theirs, MonotonicTime answered) {
    const auto half_way = (answered - asked) / 2;
    const auto found = (theirs - (asked + half_way).time_since_epoch()).time_since_epoch();
    const auto known = start_.load(std::memory_order_relaxed);
    const auto start = known == not_set ? start_of_machine() : microseconds{known};
    start_.store((std::chrono::abs(found - start) > half_way ? found : start).count(), std::memory_order_relaxed);
  }

 private:
  static constexpr microseconds::rep not_set = microseconds::min().count();

  [[nodiscard]] microseconds start_of_machine() const noexcept {
    // In this order: what passes between the two makes the clock late, not early.
    const Time now = machine_.now();
    return (now - machine_.monotonic().time_since_epoch()).time_since_epoch();
  }

  Clock& machine_;
  std::atomic<microseconds::rep> start_{not_set};  // now() when monotonic() was 0, since 1970
};

}  // namespace punctual
