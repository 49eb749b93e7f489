#include "frontend/request_queue.hpp"

namespace punctual {

bool RequestQueue::push(ConnectionPtr connection) {
  connection->since = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(connection));
  if (takers_ > 0) more_.notify_one();
  const bool waits = queue_.size() > takers_;
  if (waits && nothing_due_) overdue_.notify_one();
  return waits;
}

ConnectionPtr RequestQueue::take_front() {
  auto first = std::move(queue_.front());
  queue_.pop_front();
  return first;
}

RequestQueue::Taken RequestQueue::take() {
  std::unique_lock lock(mutex_);
  ++takers_;
  more_.wait(lock, [&] { return closed_ || !queue_.empty(); });
  --takers_;
  if (queue_.empty()) return {};
  const bool overdue = std::chrono::steady_clock::now() >= due();
  return {take_front(), overdue};
}

ConnectionPtr RequestQueue::take_overdue() {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    if (queue_.empty()) {
      nothing_due_ = true;
      overdue_.wait(lock);
      nothing_due_ = false;
      continue;
    }
    if (std::chrono::steady_clock::now() >= due()) return take_front();
    overdue_.wait_until(lock, due());
  }
  return nullptr;
}

void RequestQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  more_.notify_all();
  overdue_.notify_all();
}

std::size_t RequestQueue::size() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace punctual
