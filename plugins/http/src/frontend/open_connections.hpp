// OpenConnections: every connection that has a thread, and which of them wait for their clients. Lets those be ended when
// others wait for a thread, and the idle ones when the server stops. Every function may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>

#include "frontend/steady_time.hpp"

namespace punctual {

class OpenConnections {
 public:
  // A connection's entry, as long as it lives. Its functions belong to the connection's thread.
  class Place {
   public:
    Place(OpenConnections& all, int descriptor);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Waits for the first byte of a request. False: the deadline has passed, or the connection is wanted to end and nothing
    // has come.
    [[nodiscard]] bool wait_for_request(SteadyTime deadline);

    // Waits in the middle of a request or reply until the socket is ready for `events` of poll(2). False: the deadline has
    // passed, or the connection is wanted to end.
    [[nodiscard]] bool wait_for_client(short events, SteadyTime deadline);

    // The connection is wanted to end after the present request.
    [[nodiscard]] bool told_to_end();

   private:
    friend class OpenConnections;
    enum class Wait : unsigned char { first_request, next_request, middle };

    bool wait(short events, SteadyTime deadline, Wait kind);
    void tell();  // with the lock held

    OpenConnections& all_;
    int descriptor_;
    int wake_;  // an eventfd, so that a request that comes at the same moment is still served
    Wait kind_ = Wait::first_request;
    bool served_ = false;
    bool told_ = false;
    SteadyTime since_;  // when the present request began, or the wait for it
    std::list<Place*>::iterator here_;
    std::list<Place*>::iterator waiting_here_;
  };

  // So many connections wait for a thread: ends as many that wait for their clients, less those already told to. First
  // those between two requests, the longest idle first; then those that have kept us waiting for a second for a first
  // request, or in the middle of one. How many were told.
  std::size_t make_room(std::size_t waiting);

  // From now on every connection ends when it is idle.
  void end_idle();

  // Breaks the connections that are left.
  void break_all();

  // False: there were some left at the deadline.
  [[nodiscard]] bool wait_until_none(SteadyTime deadline);

  struct Counts {
    std::size_t open = 0;
    std::size_t waiting_for_client = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable none_left_;
  std::list<Place*> open_;
  std::list<Place*> waiting_;  // longest wait first
  std::size_t leaving_ = 0;    // told to end, still open
  bool ending_ = false;
};

}  // namespace punctual
