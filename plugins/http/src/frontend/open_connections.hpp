// OpenConnections: every connection that has a thread, and which of them only wait for a next request. Lets those be ended
// when others wait for a thread, and all of them when the server stops. Every function may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>

#include "frontend/timed_socket.hpp"

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

    // The connection is wanted to end after the present request.
    [[nodiscard]] bool told_to_end();

   private:
    friend class OpenConnections;
    void tell();  // with the lock held

    OpenConnections& all_;
    int descriptor_;
    int wake_;  // an eventfd, so that a request that comes at the same moment is still served
    bool idle_ = false;
    bool served_ = false;
    bool told_ = false;
    SteadyTime idle_since_;
    std::list<Place*>::iterator here_;
    std::list<Place*>::iterator idle_here_;
  };

  // So many connections wait for a thread: ends as many idle ones, the longest idle first, less those already told to. One
  // that has not had its first request yet is left alone for a second. How many were told.
  std::size_t make_room(std::size_t waiting);

  // From now on every connection ends when it is idle.
  void end_idle();

  // Breaks the connections that are left.
  void break_all();

  // False: there were some left at the deadline.
  [[nodiscard]] bool wait_until_none(SteadyTime deadline);

  [[nodiscard]] std::size_t count() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable none_left_;
  std::list<Place*> open_;
  std::list<Place*> idle_;   // longest idle first
  std::size_t leaving_ = 0;  // told to end, still open
  bool ending_ = false;
};

}  // namespace punctual
