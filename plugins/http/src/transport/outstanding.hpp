// Counts started deliveries whose completion has not returned. Every function may be called from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "punctual/time.hpp"

namespace punctual {

class Outstanding {
 public:
  void add() noexcept { count_.fetch_add(1); }

  void remove() noexcept {
    if (count_.fetch_sub(1) != 1) return;
    const std::lock_guard lock(mutex_);
    none_.notify_all();
  }

  // Returns when there are none or `limit` has passed.
  void wait_for_none(milliseconds limit) {
    std::unique_lock lock(mutex_);
    none_.wait_for(lock, limit, [&] { return count_.load() == 0; });
  }

 private:
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
  std::condition_variable none_;
};

}  // namespace punctual
