// TimedSocket: bytes in and out of a connected socket, each wait bounded by a point in time instead of by a time for each
// call, so that a client that sends a byte now and then still meets its limit. Used by one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace punctual {

using SteadyTime = std::chrono::steady_clock::time_point;

// Borrows the descriptor.
class TimedSocket {
 public:
  explicit TimedSocket(int descriptor) : descriptor_(descriptor) {}

  // At least one byte into `buffer`: how many. 0: the peer has ended, or the connection is broken. nullopt: the deadline has
  // passed first.
  [[nodiscard]] std::optional<std::size_t> receive(char* buffer, std::size_t size, SteadyTime deadline) const;

  // Sends all of both texts, in one call where the socket takes it. False: broken, or the deadline has passed.
  [[nodiscard]] bool send(std::string_view first, std::string_view second, SteadyTime deadline) const;

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  [[nodiscard]] bool wait(short events, SteadyTime deadline) const;

  int descriptor_;
};

}  // namespace punctual
