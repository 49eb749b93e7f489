#include "load/connection.hpp"

#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

namespace punctual::bench {

namespace {

// One buffer for all: what was read is taken at once.
thread_local std::array<char, 65536> buffer;

}  // namespace

std::optional<std::string_view> header_value(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at)) {
    ++at;
    const std::string_view line = head.substr(at, head.find('\r', at) - at);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    const std::size_t begin = line.find_first_not_of(' ', name.size() + 1);
    return begin == std::string_view::npos ? std::string_view{} : line.substr(begin);
  }
  return std::nullopt;
}

bool Connection::open() {
  close();
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return false;
  const int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int result = connect(descriptor_, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
  if (result != 0 && errno != EINPROGRESS) {
    close();
    return false;
  }
  state_ = State::connecting;
  return true;
}

bool Connection::finish_opening() {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    close();
    return false;
  }
  state_ = State::idle;
  return true;
}

bool Connection::send(std::string_view request) {
  state_ = State::busy;
  const ssize_t sent = ::send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return false;
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (taken < request.size()) unsent_ = request.substr(taken);
  return true;
}

bool Connection::flush() {
  const ssize_t sent = ::send(descriptor_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN;
  unsent_.erase(0, static_cast<std::size_t>(sent));
  return true;
}

Connection::Read Connection::read() {
  for (;;) {
    const ssize_t size = recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EAGAIN) return Read::more;
    if (size <= 0 || state_ != State::busy) return Read::gone;
    const Read outcome = take({buffer.data(), static_cast<std::size_t>(size)});
    // A buffer that was not filled has emptied the socket; asking again would be a call for nothing.
    if (outcome != Read::more || static_cast<std::size_t>(size) < buffer.size()) return outcome;
  }
}

Connection::Read Connection::take(std::string_view bytes) {
  if (!in_body_) {
    const bool whole = head_.empty();
    if (!whole) head_ += bytes;
    const std::string_view text = whole ? bytes : std::string_view(head_);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      if (whole) head_ = bytes;
      return Read::more;
    }
    if (!read_head(text.substr(0, end + 2))) return Read::gone;
    in_body_ = true;
    const std::size_t rest = text.size() - end - 4;
    bytes = bytes.substr(bytes.size() - std::min(bytes.size(), rest));
    head_.clear();
  }
  if (bytes.size() > body_left_) return Read::gone;
  body_left_ -= bytes.size();
  if (body_left_ > 0) return Read::more;
  in_body_ = false;
  state_ = State::idle;
  if (last_) close();
  return Read::replied;
}

// "HTTP/1.1 202 Accepted…". A reply without Content-Length is none that this server gives.
bool Connection::read_head(std::string_view head) {
  reply_ = {};
  if (head.size() < 12 || !head.starts_with("HTTP/1.1 ")) return false;
  std::from_chars(head.data() + 9, head.data() + 12, reply_.status);
  const auto length = header_value(head, "content-length");
  if (!length) return false;
  std::from_chars(length->data(), length->data() + length->size(), body_left_);
  reply_.retry_after = reply_.status == 503 && header_value(head, "retry-after").has_value();
  const auto connection = header_value(head, "connection");
  last_ = connection && strncasecmp(connection->data(), "close", 5) == 0;
  return true;
}

void Connection::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  state_ = State::closed;
  unsent_.clear();
  head_.clear();
  body_left_ = 0;
  in_body_ = false;
}

}  // namespace punctual::bench
