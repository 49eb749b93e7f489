// TimedSocket: bytes in and out of a connected socket, each wait bounded by a point in time instead of by a time for each
// call, so that a client that sends a byte now and then still meets its limit. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "frontend/client_waits.hpp"
#include "frontend/steady_time.hpp"

namespace punctual {

// Borrows the socket and its thread's waiter, through which a wait can be cut short as if the deadline had passed.
class TimedSocket {
 public:
  TimedSocket(int descriptor, ClientWaits::Waiter& waiter) : descriptor_(descriptor), waiter_(waiter) {}

  // At least one byte into `buffer`: how many. 0: the peer has ended, or the connection is broken. nullopt: the deadline has
  // passed first; with the deadline left out, nothing is there yet.
  [[nodiscard]] std::optional<std::size_t> receive(char* buffer, std::size_t size,
                                                   std::optional<SteadyTime> deadline = std::nullopt) const;

  // Sends all of both texts, in one call where the socket takes it. False: broken, or the deadline has passed.
  [[nodiscard]] bool send(std::string_view first, std::string_view second, SteadyTime deadline) const;

 private:
  int descriptor_;
  ClientWaits::Waiter& waiter_;
};

}  // namespace punctual
