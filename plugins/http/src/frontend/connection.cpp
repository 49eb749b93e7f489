#include "frontend/connection.hpp"

namespace punctual {

void ConnectionCount::add() {
  const std::lock_guard lock(mutex_);
  ++count_;
}

void ConnectionCount::remove() {
  const std::lock_guard lock(mutex_);
  if (--count_ == 0) none_left_.notify_all();
}

std::size_t ConnectionCount::get() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

bool ConnectionCount::wait_until_none(SteadyTime deadline) const {
  std::unique_lock lock(mutex_);
  return none_left_.wait_until(lock, deadline, [&] { return count_ == 0; });
}

}  // namespace punctual
