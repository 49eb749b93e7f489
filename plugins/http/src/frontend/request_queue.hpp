// RequestQueue: connections on which something has come, in its order, until a thread takes them. Bounded by time, not by
// number: one that has waited too long is to be refused, by the thread that takes it or by the one that waits for such. Every
// function may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

#include "frontend/connection.hpp"
#include "punctual/time.hpp"

namespace punctual {

class RequestQueue {
 public:
  explicit RequestQueue(milliseconds max_wait) : max_wait_(max_wait) {}

  // True: no thread is free to take it.
  bool push(ConnectionPtr connection);

  struct Taken {
    ConnectionPtr connection;  // null: closed and empty
    bool overdue = false;
  };
  // The oldest; waits for one.
  [[nodiscard]] Taken take();

  // Waits until the oldest has waited for too long. Null: closed. For one thread.
  [[nodiscard]] ConnectionPtr take_overdue();

  void close();

  [[nodiscard]] std::size_t size() const;

 private:
  [[nodiscard]] ConnectionPtr take_front();
  [[nodiscard]] SteadyTime due() const { return queue_.front()->since + max_wait_; }

  const milliseconds max_wait_;
  mutable std::mutex mutex_;
  std::condition_variable more_;     // for take
  std::condition_variable overdue_;  // for take_overdue
  std::deque<ConnectionPtr> queue_;
  std::size_t takers_ = 0;    // threads that wait in take
  bool nothing_due_ = false;  // take_overdue waits for a connection that no thread is free for
  bool closed_ = false;
};

}  // namespace punctual
