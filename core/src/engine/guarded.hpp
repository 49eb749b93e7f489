// Guarded<T>: a value that can be touched only under its lock.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace punctual {

template <class T>
class Guarded {
 public:
  class Access {
   public:
    T* operator->() const noexcept { return value_; }
    T& operator*() const noexcept { return *value_; }
    // For waiting on a condition while the value stays guarded.
    std::unique_lock<std::mutex>& lock() noexcept { return lock_; }

   private:
    friend class Guarded;
    Access(T& value, std::mutex& mutex) : lock_(mutex), value_(&value) {}
    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  [[nodiscard]] Access lock() { return Access(value_, mutex_); }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace punctual
