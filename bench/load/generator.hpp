// Generator: open-loop load. Requests become due at a constant rate whatever the server does, wait in line while all
// connections are busy, and their latency counts from the moment they were due: a stall is charged for the queue that it
// causes. One thread, non-blocking sockets, little CPU: it shares the machine with what it measures.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "load/histogram.hpp"
#include "load/requests.hpp"

namespace punctual::bench {

struct Load {
  double rate = 0;  // requests a second; 0: closed loop, each connection sends as soon as it has its reply
  milliseconds duration{10'000};
  std::size_t connections = 128;
  milliseconds patience{10'000};  // after the last was due; what has no reply then is an error
};

struct LoadReport {
  struct Second {
    std::uint64_t replies = 0;
    microseconds worst{};  // of the requests that were due in it
  };

  std::array<Histogram, request_kinds> by_kind;  // of the expected replies
  Histogram latency;                             // of all of them, from the due moment
  Histogram from_sending;                        // of all replies, whatever their status, from the moment of sending
  Histogram refusals;                            // of 503s with Retry-After, from the moment of sending
  std::map<int, std::uint64_t> statuses;         // replies by status; 0: the connection ended without one
  std::vector<std::uint32_t> accepted;  // numbers of the tasks that were answered 202, of kinds that run at once …
  std::vector<std::uint32_t> accepted_later;  // … and of those due in an hour
  std::vector<Second> seconds;
  std::uint64_t due = 0;
  std::uint64_t errors = 0;      // anything but the expected status, also no reply at all
  std::uint64_t unanswered = 0;  // of these, those that had no reply when patience ended
  std::uint64_t most_waiting = 0;
  double took = 0;  // seconds, until the last reply

  [[nodiscard]] std::uint64_t succeeded() const { return latency.count(); }
  [[nodiscard]] std::uint64_t connections_lost() const {
    const auto found = statuses.find(0);
    return found == statuses.end() ? 0 : found->second;
  }
  // Replies that slowness does not explain: neither the expected ones nor refusals with 503 and Retry-After.
  [[nodiscard]] std::uint64_t wrong() const { return errors - refusals.count() - unanswered - connections_lost(); }
  // Expected replies a second.
  [[nodiscard]] double rate() const { return took > 0 ? static_cast<double>(succeeded()) / took : 0; }
};

// Sends `requests` to a server on this machine. Connections are opened before the clock starts. Throws std::runtime_error
// when the server takes none.
[[nodiscard]] LoadReport generate(std::uint16_t port, TaskRequests& requests, const Load& load);

}  // namespace punctual::bench
