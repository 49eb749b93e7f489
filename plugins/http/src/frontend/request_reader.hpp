// RequestReader: takes one request after the other off a connection. Bytes that have come too early (pipelined requests) wait
// here. Used by the connection's thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/request_head.hpp"
#include "frontend/timed_socket.hpp"
#include "punctual/time.hpp"

namespace punctual {

struct ReadLimits {
  milliseconds header_time{10000};
  milliseconds body_time{30000};
  std::size_t max_body = 8388608;
};

class RequestReader {
 public:
  RequestReader(const TimedSocket& socket, const ReadLimits& limits) : socket_(socket), limits_(limits) {}

  // Bytes of the next request are here already.
  [[nodiscard]] bool buffered() const { return begin_ < input_.size(); }

  // The next head, valid until the next call of this function; null when the client has ended before its first byte. Throws
  // ApiError (bad_request, request_timeout), after which the connection cannot go on.
  [[nodiscard]] const RequestHead* read_head();

  // The body of the present request, read now unless it has been; valid until the next read_head. Asks for it with "100
  // Continue" where the client waits for that. Throws ApiError payload_too_large, bad_request or request_timeout.
  [[nodiscard]] std::string_view read_body();

  // After the reply: reads and drops what is left of the body, so that the next request can be read. False: too much, or it
  // did not come; the connection has to end.
  [[nodiscard]] bool discard_body();

  // Whether discard_body is worth trying, so that the reply can say what will happen.
  [[nodiscard]] bool can_discard() const;

 private:
  enum class Body : unsigned char { none, unread, complete, broken };

  bool fill(SteadyTime deadline);  // false: ended; throws request_timeout
  void skip_blank_lines();
  void read_sized(SteadyTime deadline);
  void read_chunked(SteadyTime deadline);
  std::size_t read_chunk_size(SteadyTime deadline);
  void read_trailers(SteadyTime deadline);
  std::string_view take_line(SteadyTime deadline);
  void take_into_body(std::size_t count, SteadyTime deadline);

  const TimedSocket& socket_;
  ReadLimits limits_;
  std::string input_;  // received; [begin_, end) is not used yet
  std::size_t begin_ = 0;
  std::string head_text_;
  RequestHead head_;
  std::string body_;
  std::string line_;
  Body state_ = Body::none;
};

}  // namespace punctual
