#include "support/http_client.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace punctual::testing {

namespace {

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](unsigned char x, unsigned char y) {
           return std::tolower(x) == std::tolower(y);
         });
}

int connect_to(const std::string& address) {
  const auto colon = address.rfind(':');
  auto host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &wanted, &found) != 0) {
    throw std::runtime_error("not an address: " + address);
  }
  const int descriptor = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = ::connect(descriptor, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  if (result != 0) {
    const std::string why = std::strerror(errno);
    ::close(descriptor);
    throw std::runtime_error("cannot connect to " + address + ": " + why);
  }
  return descriptor;
}

}  // namespace

std::optional<std::string> HttpReply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_text(key, name)) return value;
  }
  return std::nullopt;
}

boost::json::value HttpReply::json() const { return boost::json::parse(body); }

std::string HttpReply::error_code() const { return std::string(json().at("error").at("code").as_string()); }

std::string HttpReply::error_message() const { return std::string(json().at("error").at("message").as_string()); }

std::string HttpReply::detail(std::string_view field) const {
  const auto whole = json();
  const auto* details = whole.at("error").as_object().if_contains("details");
  if (details == nullptr) return {};
  const auto* problems = details->as_object().if_contains(field);
  return problems == nullptr ? std::string{} : std::string(problems->at(0).as_string());
}

HttpConnection::HttpConnection(const std::string& address, std::chrono::milliseconds patience)
    : descriptor_(connect_to(address)), patience_(patience) {}

HttpConnection::HttpConnection(HttpConnection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      patience_(other.patience_),
      received_(std::move(other.received_)) {}

HttpConnection::~HttpConnection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void HttpConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error(std::string("send: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void HttpConnection::end_sending() { ::shutdown(descriptor_, SHUT_WR); }

bool HttpConnection::readable_within(std::chrono::milliseconds limit) const {
  pollfd entry{descriptor_, POLLIN, 0};
  return !received_.empty() || ::poll(&entry, 1, static_cast<int>(limit.count())) > 0;
}

bool HttpConnection::fill() {
  pollfd entry{descriptor_, POLLIN, 0};
  if (::poll(&entry, 1, static_cast<int>(patience_.count())) <= 0) throw std::runtime_error("no reply in time");
  char buffer[16384];
  const auto got = ::recv(descriptor_, buffer, sizeof buffer, 0);
  if (got < 0) throw std::runtime_error(std::string("receive: ") + std::strerror(errno));
  received_.append(buffer, static_cast<std::size_t>(got));
  return got > 0;
}

bool HttpConnection::ends_within(std::chrono::milliseconds limit) {
  if (!received_.empty() || !readable_within(limit)) return false;
  char byte = 0;
  return ::recv(descriptor_, &byte, 1, 0) <= 0;
}

HttpReply HttpConnection::read(bool to_head) {
  std::size_t head_end = 0;
  while ((head_end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) throw std::runtime_error("connection ended before a whole reply: '" + received_ + "'");
  }
  HttpReply reply;
  const auto head = received_.substr(0, head_end + 2);
  received_.erase(0, head_end + 4);
  if (!head.starts_with("HTTP/1.1 ")) throw std::runtime_error("not a status line: " + head);
  reply.status = std::stoi(head.substr(9, 3));
  for (auto at = head.find("\r\n") + 2; at < head.size();) {
    const auto end = head.find("\r\n", at);
    const auto colon = head.find(": ", at);
    if (colon == std::string::npos || colon > end) throw std::runtime_error("not a header field: " + head);
    reply.headers.emplace_back(head.substr(at, colon - at), head.substr(colon + 2, end - colon - 2));
    at = end + 2;
  }
  if (reply.status < 200 || reply.status == 204) return reply;
  const auto length = reply.header("Content-Length");
  if (!length) throw std::runtime_error("reply without Content-Length: " + head);
  const auto size = to_head ? 0 : static_cast<std::size_t>(std::stoull(*length));
  while (received_.size() < size) {
    if (!fill()) throw std::runtime_error("connection ended in the middle of a reply");
  }
  reply.body = received_.substr(0, size);
  received_.erase(0, size);
  return reply;
}

std::string request_text(std::string_view method, std::string_view target, const HeaderList& headers,
                         std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: test\r\n");
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  const bool usual = method == "POST" || method == "PUT" || method == "PATCH";
  if (usual || !body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  text += "\r\n";
  text += body;
  return text;
}

HttpReply HttpConnection::request(std::string_view method, std::string_view target, const HeaderList& headers,
                                  std::string_view body) {
  send(request_text(method, target, headers, body));
  return read(method == "HEAD");
}

HttpReply HttpClient::request(std::string_view method, std::string_view target, std::string_view body,
                              HeaderList headers) const {
  const auto given = [&](std::string_view name) {
    return std::any_of(headers.begin(), headers.end(),
                       [&](const auto& header) { return same_text(header.first, name); });
  };
  if (!api_key_.empty() && !given("Authorization")) headers.emplace_back("Authorization", "Bearer " + api_key_);
  if (!body.empty() && !given("Content-Type")) headers.emplace_back("Content-Type", "application/json");
  return connect().request(method, target, headers, body);
}

}  // namespace punctual::testing
