#include "target/target_server.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "load/connection.hpp"
#include "target/answers.hpp"

namespace punctual::bench {

namespace {

const std::string& plain_ok() {
  static const std::string reply = http_reply(200, "", "");
  return reply;
}

void need(bool fine, const char* what) {
  if (!fine) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

TargetServer::TargetServer(std::uint16_t port)
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  need(listener_ >= 0 && epoll_ >= 0, "target");
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  need(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0, "bind");
  need(listen(listener_, 16384) == 0, "listen");
  need(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_;
  need(epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) == 0, "epoll_ctl");
}

TargetServer::~TargetServer() {
  for (auto& client : clients_) {
    if (client) close(*client);
  }
  ::close(listener_);
  ::close(epoll_);
}

void TargetServer::run() {
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_limit());
    for (int i = 0; i < count; ++i) {
      const auto& event = events.at(static_cast<std::size_t>(i));
      if (event.data.fd == listener_) {
        accept_all();
        continue;
      }
      Client& client = *clients_.at(static_cast<std::size_t>(event.data.fd));
      if (client.descriptor < 0) continue;
      if ((event.events & EPOLLOUT) != 0 && !client.output.empty()) {
        reply(client, std::exchange(client.output, {}));
      }
      if (client.descriptor >= 0 && (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(client);
    }
    send_delayed();
  }
}

int TargetServer::wait_limit() const {
  if (delayed_.empty()) return -1;
  const auto left = delayed_.top().at - std::chrono::steady_clock::now();
  return static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(left).count()));
}

void TargetServer::accept_all() {
  for (;;) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto at = static_cast<std::size_t>(descriptor);
    if (clients_.size() <= at) clients_.resize(at + 1);
    if (!clients_[at]) clients_[at] = std::make_unique<Client>();
    *clients_[at] = {};
    clients_[at]->descriptor = descriptor;
    clients_[at]->made = ++made_;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }
}

void TargetServer::read(Client& client) {
  static thread_local std::array<char, 65536> buffer;
  const ssize_t size = recv(client.descriptor, buffer.data(), buffer.size(), 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    close(client);
    return;
  }
  std::string_view text{buffer.data(), static_cast<std::size_t>(size)};
  if (!client.input.empty()) {
    client.input += text;
    text = client.input;
  }
  std::size_t used = 0;
  while (client.descriptor >= 0 && !client.waits) {
    const std::size_t length = take_request(client, text.substr(used));
    if (length == 0) break;
    used += length;
  }
  client.input = std::string(text.substr(used));
}

std::size_t TargetServer::take_request(Client& client, std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = text.substr(0, end + 2);
  std::size_t body = 0;
  if (const auto length = header_value(head, "content-length")) {
    std::from_chars(length->data(), length->data() + length->size(), body);
  }
  if (text.size() < end + 4 + body) return 0;
  const auto connection = header_value(head, "connection");
  client.last = connection && strncasecmp(connection->data(), "close", 5) == 0;
  answer(client, head.substr(0, head.find('\r')));
  return end + 4 + body;
}

// `line` as "POST /n/12?due=3 HTTP/1.1".
void TargetServer::answer(Client& client, std::string_view line) {
  const std::size_t begin = line.find(' ') + 1;
  const std::string_view path = line.substr(begin, line.find(' ', begin) - begin);
  if (path == "/report") {
    reply(client, http_reply(200, "application/json", tally_.report()));
  } else if (path.starts_with("/counts")) {
    const auto from = static_cast<std::uint32_t>(number_in_query(path, "from"));
    const auto count = static_cast<std::uint32_t>(number_in_query(path, "count"));
    reply(client, http_reply(200, "application/octet-stream", tally_.counts(from, count)));
  } else if (path == "/reset") {
    tally_.reset();
    reply(client, plain_ok());
  } else {
    const Asked asked = Asked::read(path);
    tally_.add(asked.number, asked.due, std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()));
    const int status = asked.chosen_status(random_);
    const milliseconds delay = asked.chosen_delay(random_);
    if (delay.count() > 0) {
      client.waits = true;
      tally_.waiting(+1);
      delayed_.push({std::chrono::steady_clock::now() + delay, client.descriptor, client.made, status});
    } else {
      reply(client, status == 200 ? plain_ok() : http_reply(status, "", ""));
    }
  }
}

void TargetServer::send_delayed() {
  const auto now = std::chrono::steady_clock::now();
  while (!delayed_.empty() && delayed_.top().at <= now) {
    const Delayed due = delayed_.top();
    delayed_.pop();
    tally_.waiting(-1);
    Client& client = *clients_.at(static_cast<std::size_t>(due.descriptor));
    if (client.descriptor != due.descriptor || client.made != due.made) continue;
    client.waits = false;
    reply(client, due.status == 200 ? plain_ok() : http_reply(due.status, "", ""));
  }
}

void TargetServer::reply(Client& client, std::string_view bytes) {
  const ssize_t sent = send(client.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    close(client);
    return;
  }
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(0, sent));
  const bool all = taken == bytes.size();
  if (!all) client.output = std::string(bytes.substr(taken));
  if (all == client.watches_writing) {
    client.watches_writing = !all;
    epoll_event event{};
    event.events = all ? EPOLLIN : EPOLLIN | EPOLLOUT;
    event.data.fd = client.descriptor;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, client.descriptor, &event);
  }
  if (all && client.last) close(client);
}

void TargetServer::close(Client& client) {
  if (client.descriptor < 0) return;
  ::close(client.descriptor);
  client.descriptor = -1;
  client.output.clear();
}

}  // namespace punctual::bench
