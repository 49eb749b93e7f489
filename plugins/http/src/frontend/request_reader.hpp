// RequestReader: takes one request after the other off a connection. Bytes that have come too early (pipelined requests) wait
// here. A thread has one and uses it for one connection after the other.
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
  explicit RequestReader(const ReadLimits& limits) : limits_(limits) {}

  // Begins with a connection on which `early` has come already. `socket` is borrowed until the next call of this function.
  void attach(const TimedSocket& socket, std::string_view early);

  // What has come and was not asked for yet: the beginning of the next request.
  [[nodiscard]] std::string_view early() const { return std::string_view(input_).substr(begin_); }

  enum class Head : unsigned char {
    complete,
    incomplete,  // what has come is in early()
    ended,       // the client has ended before the first byte of a request
  };
  // Takes a head from what has come; does not wait. Throws ApiError bad_request, after which the connection cannot go on.
  [[nodiscard]] Head take_head();
  // The head that was taken, valid until the next call of take_head.
  [[nodiscard]] const RequestHead& head() const { return head_; }

  // The body of the present request, read now unless it has been; valid until the next read_head. Asks for it with "100
  // Continue" where the client waits for that. Throws ApiError payload_too_large, or bad_request, also where
  // it does not come in time.
  [[nodiscard]] std::string_view read_body();

  // After the reply: whether what is left of the body can be dropped so that the next request can be read. False: there is too
  // much of it, or its end is not known; the connection has to end.
  [[nodiscard]] bool can_discard() const;

  // How many bytes of the body were not read, if can_discard.
  [[nodiscard]] std::size_t unread_body() const;

  // Drops what has come of `bytes` that lie before the next request; does not wait. How many have not come; nullopt: the client
  // has ended.
  [[nodiscard]] std::optional<std::size_t> drop(std::size_t bytes);

 private:
  enum class Body : unsigned char { none, unread, complete, broken };

  // How many bytes came; 0: the client has ended; nullopt: nothing has come by the deadline, or yet, without one.
  std::optional<std::size_t> receive(std::optional<SteadyTime> deadline);
  bool fill(SteadyTime deadline);  // false: ended; throws when nothing has come
  [[nodiscard]] bool buffered() const { return begin_ < input_.size(); }
  void skip_blank_lines();
  void read_sized(SteadyTime deadline);
  void read_chunked(SteadyTime deadline);
  std::size_t read_chunk_size(SteadyTime deadline);
  void read_trailers(SteadyTime deadline);
  std::string_view take_line(SteadyTime deadline);
  void take_into_body(std::size_t count, SteadyTime deadline);

  const TimedSocket* socket_ = nullptr;
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
