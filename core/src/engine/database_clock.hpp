// DatabaseClock: the engine's clock, set by the database's where there is one on another machine, so that all servers of one
// database agree on what is due and on the order of ids. Every function may be called from any thread.
#pragma once

#include <atomic>

#include "engine/clock.hpp"

namespace punctual {

class DatabaseClock final : public Clock {
 public:
  explicit DatabaseClock(Clock& machine) : machine_(machine) {}

  [[nodiscard]] Time now() const noexcept override { return machine_.now() + offset(); }
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, Time deadline) override {
    machine_.wait_until(lock, condition, deadline - offset());
  }

  [[nodiscard]] microseconds offset() const noexcept { return microseconds{offset_.load(std::memory_order_relaxed)}; }

  // The database said `theirs` at some time between `asked` and `answered` of the machine's clock. How far the machine is
  // behind it, at least: nothing when that may be due to the way there and back alone.
  microseconds compare(Time asked, Time theirs, Time answered) {
    const auto half_way = (answered - asked) / 2;
    const auto found = theirs - (asked + half_way);
    if (found - offset() > half_way || offset() - found > half_way) {
      offset_.store(found.count(), std::memory_order_relaxed);
    }
    return offset();
  }

  [[nodiscard]] Clock& machine() noexcept { return machine_; }

 private:
  Clock& machine_;
  std::atomic<microseconds::rep> offset_{0};
};

}  // namespace punctual
