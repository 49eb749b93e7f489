#include "frontend/request_reader.hpp"

#include <algorithm>

#include "frontend/api_error.hpp"

namespace punctual {

namespace {

constexpr std::size_t receive_size = 16384;
constexpr std::size_t max_discard = 1 << 20;
constexpr std::size_t max_kept = 65536;  // of memory between two requests
constexpr std::size_t max_chunk_line = 1024;
constexpr std::size_t max_trailer_bytes = 8192;

SteadyTime within(milliseconds limit) { return std::chrono::steady_clock::now() + limit; }

[[noreturn]] void refuse(std::string text) { throw ApiError(ErrorCode::bad_request, std::move(text), true); }

[[noreturn]] void too_late() { refuse("Request was not received in time"); }

[[noreturn]] void too_large() { throw ApiError(ErrorCode::payload_too_large, "Request body is too large", false); }

}  // namespace

void RequestReader::attach(const TimedSocket& socket, std::string_view early) {
  socket_ = &socket;
  input_.assign(early);
  begin_ = 0;
  state_ = Body::none;
}

std::optional<std::size_t> RequestReader::receive(std::optional<SteadyTime> deadline) {
  if (begin_ == input_.size()) {
    input_.clear();
    begin_ = 0;
  } else if (begin_ >= receive_size) {
    input_.erase(0, begin_);
    begin_ = 0;
  }
  const auto before = input_.size();
  input_.resize(before + receive_size);
  const auto got = socket_->receive(input_.data() + before, receive_size, deadline);
  input_.resize(before + got.value_or(0));
  return got;
}

bool RequestReader::fill(SteadyTime deadline) {
  const auto got = receive(deadline);
  if (!got) too_late();
  return *got > 0;
}

// Clients may send an empty line or two after a body (RFC 9112, 2.2).
void RequestReader::skip_blank_lines() {
  while (begin_ < input_.size() && (input_[begin_] == '\r' || input_[begin_] == '\n')) ++begin_;
}

RequestReader::Head RequestReader::take_head() {
  body_.clear();
  if (body_.capacity() > max_kept) body_.shrink_to_fit();
  state_ = Body::none;
  skip_blank_lines();
  std::size_t looked = 0;
  for (;;) {
    const auto waiting = early();
    const auto end = find_head_end(waiting, looked > 2 ? looked - 2 : 0);
    if (end && *end <= max_head_bytes) {
      head_text_.assign(waiting, 0, *end);
      begin_ += *end;
      break;
    }
    if (waiting.size() > max_head_bytes) refuse("Request header is too large");
    looked = waiting.size();
    const auto got = receive(std::nullopt);
    if (!got) return Head::incomplete;
    if (*got == 0) {
      if (!buffered()) return Head::ended;
      refuse("Request ended too early");
    }
    if (looked == 0) skip_blank_lines();
  }
  head_ = parse_head(head_text_);
  if (head_.has_body()) state_ = Body::unread;
  return Head::complete;
}

std::string_view RequestReader::read_body() {
  if (state_ != Body::unread) return body_;
  if (head_.content_length.value_or(0) > limits_.max_body) too_large();
  const auto deadline = within(limits_.body_time);
  if (head_.expects_continue && !buffered()) {
    head_.expects_continue = false;
    if (!socket_->send("HTTP/1.1 100 Continue\r\n\r\n", {}, deadline)) refuse("Request ended too early");
  }
  try {
    if (head_.chunked) {
      read_chunked(deadline);
    } else {
      read_sized(deadline);
    }
  } catch (...) {
    state_ = Body::broken;
    throw;
  }
  state_ = Body::complete;
  return body_;
}

void RequestReader::take_into_body(std::size_t count, SteadyTime deadline) {
  const auto here = std::min(count, input_.size() - begin_);
  body_.append(input_, begin_, here);
  begin_ += here;
  count -= here;
  auto at = body_.size();
  // Memory grows with what has really come, not with what was announced.
  while (count > 0) {
    const auto step = std::min(count, std::max(at, receive_size));
    body_.resize(at + step);
    const auto got = socket_->receive(body_.data() + at, step, deadline);
    body_.resize(at + got.value_or(0));
    if (!got) too_late();
    if (*got == 0) refuse("Request ended too early");
    at += *got;
    count -= *got;
  }
}

void RequestReader::read_sized(SteadyTime deadline) {
  take_into_body(static_cast<std::size_t>(*head_.content_length), deadline);
}

std::string_view RequestReader::take_line(SteadyTime deadline) {
  std::size_t looked = 0;
  for (;;) {
    const auto waiting = std::string_view(input_).substr(begin_);
    const auto end = waiting.find("\r\n", looked);
    if (end != std::string_view::npos) {
      line_.assign(waiting, 0, end);
      begin_ += end + 2;
      return line_;
    }
    if (waiting.size() > max_chunk_line) refuse("Malformed chunked body");
    looked = waiting.empty() ? 0 : waiting.size() - 1;
    if (!fill(deadline)) refuse("Request ended too early");
  }
}

std::size_t RequestReader::read_chunk_size(SteadyTime deadline) {
  const auto line = take_line(deadline);
  const auto digits = line.substr(0, line.find_first_of("; \t"));
  if (digits.empty() || digits.size() > 15) refuse("Malformed chunked body");
  std::size_t size = 0;
  for (const char c : digits) {
    const char low = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      size = size * 16 + static_cast<std::size_t>(c - '0');
    } else if (low >= 'a' && low <= 'f') {
      size = size * 16 + static_cast<std::size_t>(low - 'a' + 10);
    } else {
      refuse("Malformed chunked body");
    }
  }
  const auto extension = trim_blanks(line.substr(digits.size()));
  if (!extension.empty() && extension.front() != ';') refuse("Malformed chunked body");
  return size;
}

void RequestReader::read_trailers(SteadyTime deadline) {
  std::size_t bytes = 0;
  for (auto line = take_line(deadline); !line.empty(); line = take_line(deadline)) {
    bytes += line.size();
    if (bytes > max_trailer_bytes) refuse("Malformed chunked body");
  }
}

void RequestReader::read_chunked(SteadyTime deadline) {
  for (;;) {
    const auto size = read_chunk_size(deadline);
    if (size == 0) return read_trailers(deadline);
    if (size > limits_.max_body - body_.size()) too_large();
    take_into_body(size, deadline);
    if (!take_line(deadline).empty()) refuse("Malformed chunked body");
  }
}

bool RequestReader::can_discard() const {
  if (state_ == Body::broken) return false;
  if (state_ != Body::unread) return true;
  // A client that waits for "100 Continue" may or may not send the body after another reply.
  return !head_.chunked && !head_.expects_continue && *head_.content_length <= max_discard;
}

std::size_t RequestReader::unread_body() const {
  return state_ == Body::unread ? static_cast<std::size_t>(head_.content_length.value_or(0)) : 0;
}

std::optional<std::size_t> RequestReader::drop(std::size_t bytes) {
  for (;;) {
    const auto here = std::min(bytes, input_.size() - begin_);
    begin_ += here;
    bytes -= here;
    if (bytes == 0) return 0;
    const auto got = receive(std::nullopt);
    if (!got) return bytes;
    if (*got == 0) return std::nullopt;
  }
}

}  // namespace punctual
