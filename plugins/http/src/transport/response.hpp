// What is kept of a response while it streams in. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "punctual/transport.hpp"

namespace punctual {

class Response {
 public:
  static constexpr std::size_t max_headers = 32;
  static constexpr std::size_t max_header_bytes = 16'384;
  // How much more than the kept part is read, so that the connection can be used again, before the rest is left unread.
  static constexpr std::size_t max_dropped_bytes = 10'485'760;

  explicit Response(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  void clear();

  // One line as it was received. A status line begins anew, so that of interim responses nothing stays. Trailers are
  // passed over.
  void take_header_line(std::string_view line);

  // False: enough was read, the rest need not be.
  [[nodiscard]] bool take_body(std::string_view bytes);

  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] bool gave_up_reading() const noexcept { return dropped_bytes_ > max_dropped_bytes; }
  // Of the Location header; empty when there is none.
  [[nodiscard]] const std::string& location() const noexcept { return location_; }

  // Fills in status_code, headers, body and body_truncated; this is to be cleared afterwards.
  void move_into(DeliveryOutcome& outcome);

 private:
  void keep_header(std::string_view name, std::string_view value);

  std::size_t max_body_bytes_;
  int status_ = 0;
  bool headers_complete_ = false;
  Headers headers_;
  std::size_t header_bytes_ = 0;
  std::string location_;
  std::string body_;
  std::size_t dropped_bytes_ = 0;
};

}  // namespace punctual
