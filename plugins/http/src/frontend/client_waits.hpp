// ClientWaits: the threads that wait for their clients in the middle of a request or reply. Lets such waits be cut short when
// requests wait for a thread, and when the server stops. Every function may be called from any thread.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>

#include "frontend/steady_time.hpp"

namespace punctual {

class ClientWaits {
 public:
  // One thread's entry. Its functions belong to that thread.
  class Waiter {
   public:
    explicit Waiter(ClientWaits& all);  // throws std::system_error
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    // What was cut before counts no more.
    void begin_exchange();

    // Waits until `descriptor` is ready for `events` of poll(2). False: the deadline has passed, or the waits of this exchange
    // have been cut.
    [[nodiscard]] bool wait(int descriptor, short events, SteadyTime deadline);

   private:
    friend class ClientWaits;
    void cut();  // with the lock held

    ClientWaits& all_;
    int wake_;  // an eventfd
    bool cut_ = false;
    SteadyTime since_;  // when the exchange began
    std::list<Waiter*>::iterator here_;
  };

  // Cuts up to `wanted` exchanges short that wait for a client which has kept a thread for a second or more, less those that
  // have been cut and still have theirs.
  void cut(std::size_t wanted);

  // Cuts every wait, now and later.
  void cut_all();

  [[nodiscard]] std::size_t count() const;

 private:
  mutable std::mutex mutex_;
  std::list<Waiter*> waiting_;  // longest wait first
  std::size_t leaving_ = 0;     // cut, and their exchanges have not ended
  bool all_cut_ = false;
};

}  // namespace punctual
