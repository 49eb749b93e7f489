#include "support/http_target.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <queue>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <utility>

namespace punctual::testing {
namespace {

using Steady = std::chrono::steady_clock;
using Shape = TargetAnswer::Shape;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::size_t> parse_number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

TargetRequest parse_head(std::string_view head) {
  TargetRequest out;
  auto line_end = head.find("\r\n");
  const auto first_line = head.substr(0, line_end);
  const auto method_end = first_line.find(' ');
  const auto target_end = first_line.find(' ', method_end + 1);
  out.method = first_line.substr(0, method_end);
  const auto target = first_line.substr(method_end + 1, target_end - method_end - 1);
  const auto question = target.find('?');
  out.path = target.substr(0, question);
  if (question != std::string_view::npos) out.query = target.substr(question + 1);
  while (line_end != std::string_view::npos) {
    head.remove_prefix(line_end + 2);
    line_end = head.find("\r\n");
    const auto line = head.substr(0, line_end);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    out.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  return out;
}

// Takes a chunked body from the front of `in` once all of it is there; nullopt: more is to come.
std::optional<std::string> take_chunked(std::string& in) {
  std::string body;
  std::size_t at = 0;
  for (;;) {
    const auto line_end = in.find("\r\n", at);
    if (line_end == std::string::npos) return std::nullopt;
    const auto size = parse_number(std::string_view(in).substr(at, line_end - at), 16);
    if (!size || in.size() < line_end + 2 + *size + 2) return std::nullopt;
    body.append(in, line_end + 2, *size);
    at = line_end + 2 + *size + 2;
    if (*size == 0) break;
  }
  in.erase(0, at);
  return body;
}

// Reads requests out of the bytes of one connection.
class RequestReader {
 public:
  void add(std::string_view bytes) { in_.append(bytes); }

  // What is there cannot become a request: a TLS client, say.
  [[nodiscard]] bool is_hopeless() const { return !head_ && !in_.empty() && (in_.front() < 'A' || in_.front() > 'Z'); }

  std::optional<TargetRequest> next() {
    if (!head_) {
      const auto end = in_.find("\r\n\r\n");
      if (end == std::string::npos) return std::nullopt;
      head_ = parse_head(std::string_view(in_).substr(0, end));
      in_.erase(0, end + 4);
    }
    if (head_->header("transfer-encoding")) {
      auto body = take_chunked(in_);
      if (!body) return std::nullopt;
      head_->body = std::move(*body);
    } else {
      const auto size = parse_number(head_->header("content-length").value_or("0"), 10).value_or(0);
      if (in_.size() < size) return std::nullopt;
      head_->body = in_.substr(0, size);
      in_.erase(0, size);
    }
    return std::exchange(head_, std::nullopt);
  }

 private:
  std::string in_;
  std::optional<TargetRequest> head_;
};

std::string render_head(const TargetAnswer& answer) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " Answer\r\n";
  for (const auto& [name, value] : answer.headers) out.append(name).append(": ").append(value).append("\r\n");
  const bool has_no_body = answer.status == 204 || answer.status == 304;
  switch (answer.shape) {
    case Shape::chunked:
      out += "Transfer-Encoding: chunked\r\n";
      break;
    case Shape::endless:
      out += "Connection: close\r\n";
      break;
    default:
      if (!has_no_body) out += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  }
  return out + "\r\n";
}

std::string render_chunks(std::string_view body) {
  std::string out;
  const auto half = body.size() / 2;
  for (const auto part : {body.substr(0, half), body.substr(half)}) {
    if (part.empty()) continue;
    std::array<char, 16> size;
    const auto end = std::to_chars(size.data(), size.data() + size.size(), part.size(), 16).ptr;
    out.append(size.data(), end).append("\r\n").append(part).append("\r\n");
  }
  return out + "0\r\n\r\n";
}

struct Connection {
  int fd = -1;
  std::uint64_t number = 0;
  RequestReader reader;
  std::optional<TargetAnswer> answer;  // to the request at hand; the next one is read when it is through
  bool for_head = false;
  bool delayed = false;
  std::string out;
  std::size_t sent = 0;
  std::size_t slow_left = 0;  // bytes of a slow body that are still to come
  bool close_when_sent = false;
  bool wants_writable = false;
};

struct Timer {
  Steady::time_point due;
  int fd;
  std::uint64_t connection;
  bool operator>(const Timer& other) const { return due > other.due; }
};

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string("test target: ") + what + ": " + std::to_string(errno));
}

}  // namespace

std::optional<std::string> TargetRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> TargetRequest::parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const auto item = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const auto equals = item.find('=');
    if (item.substr(0, equals) != name) continue;
    return std::string(equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1));
  }
  return std::nullopt;
}

TargetBehaviour fail_first(int count, TargetAnswer failure, TargetAnswer then) {
  return [left = count, failure = std::move(failure), then = std::move(then)](const TargetRequest&) mutable {
    return left > 0 ? (--left, failure) : then;
  };
}

TargetAnswer answer_by_query(const TargetRequest& request) {
  TargetAnswer out;
  if (const auto status = request.parameter("status")) {
    out.status = static_cast<int>(parse_number(*status, 10).value_or(500));
  }
  if (const auto delay = request.parameter("delay_ms")) {
    out.delay = milliseconds{parse_number(*delay, 10).value_or(0)};
  }
  return out;
}

class HttpTarget::Server {
 public:
  explicit Server(std::uint16_t port) {
    raise_open_files();
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    stop_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (listener_ < 0 || epoll_ < 0 || stop_ < 0) fail("descriptors");
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
    if (::listen(listener_, 65535) != 0) fail("listen");
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
    watch(EPOLL_CTL_ADD, stop_, EPOLLIN);
    thread_ = std::thread([this] { run(); });
  }

  ~Server() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_, &one, sizeof one);
    thread_.join();
    for (const auto& [fd, connection] : connections_) ::close(fd);
    for (const int fd : {listener_, epoll_, stop_}) ::close(fd);
  }

  // What tests see; everything below it belongs to the server's thread.
  struct Seen {
    bool keep = true;
    std::vector<TargetRequest> requests;
    std::size_t request_count = 0;
    std::size_t connection_count = 0;
    std::size_t open_connection_count = 0;
    std::size_t waiting = 0;
    std::size_t most_waiting = 0;
    std::map<std::string, TargetBehaviour, std::less<>> behaviours;
  };

  template <class Use>
  auto with_seen(Use use) {
    const std::lock_guard lock(mutex_);
    return use(seen_);
  }

  bool wait_for(std::size_t count, milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, timeout, [&] { return seen_.request_count >= count; });
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_limit());
      for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == stop_) return;
        if (event.data.fd == listener_) {
          accept_all();
        } else if (const auto found = connections_.find(event.data.fd); found != connections_.end()) {
          serve(found->second, event.events);
        }
      }
      run_timers();
    }
  }

  int wait_limit() const {
    if (timers_.empty()) return -1;
    const auto left = std::chrono::ceil<milliseconds>(timers_.top().due - Steady::now()).count();
    return static_cast<int>(std::max<milliseconds::rep>(left, 0));
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto& connection = connections_[fd];
      connection.fd = fd;
      connection.number = with_seen([](Seen& seen) {
        ++seen.open_connection_count;
        return ++seen.connection_count;
      });
      watch(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP);
    }
  }

  void serve(Connection& connection, std::uint32_t events) {
    if ((events & EPOLLIN) != 0) {
      std::array<char, 65536> bytes;
      const auto size = ::recv(connection.fd, bytes.data(), bytes.size(), 0);
      if (size > 0) {
        connection.reader.add({bytes.data(), static_cast<std::size_t>(size)});
      } else if (size == 0 || errno != EAGAIN) {
        return close(connection);
      }
    } else if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) {
      return close(connection);
    }
    proceed(connection);
  }

  // Sends what is to be sent and takes up requests until there is nothing to do now.
  void proceed(Connection& connection) {
    for (;;) {
      if (!send(connection)) return;
      if (connection.answer) return;  // delayed, slow or never
      auto request = connection.reader.next();
      if (!request && connection.reader.is_hopeless()) {
        connection.out = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        connection.close_when_sent = true;
        send(connection);
        return;
      }
      if (!request) return;
      if (!take(connection, std::move(*request))) return;
    }
  }

  // False: the connection is gone or waits.
  bool take(Connection& connection, TargetRequest request) {
    request.arrived_at = std::chrono::floor<microseconds>(std::chrono::system_clock::now());
    request.connection = connection.number;
    connection.for_head = request.method == "HEAD";
    {
      const std::lock_guard lock(mutex_);
      const auto behaviour = seen_.behaviours.find(request.path);
      connection.answer = behaviour == seen_.behaviours.end() ? answer_by_query(request) : behaviour->second(request);
      ++seen_.request_count;
      connection.delayed = connection.answer->delay.count() > 0;
      if (connection.delayed) seen_.most_waiting = std::max(seen_.most_waiting, ++seen_.waiting);
      if (seen_.keep) seen_.requests.push_back(std::move(request));
    }
    arrived_.notify_all();
    if (!connection.delayed) return begin_answer(connection);
    set_timer(connection, connection.answer->delay);
    return false;
  }

  bool begin_answer(Connection& connection) {
    auto& answer = *connection.answer;
    end_delay(connection);
    switch (answer.shape) {
      case Shape::never:
        return false;
      case Shape::close:
        close(connection);
        return false;
      case Shape::raw:
        connection.out = std::move(answer.body);
        connection.close_when_sent = true;
        break;
      case Shape::cut_short:
        connection.out = render_head(answer) + answer.body.substr(0, answer.body.size() / 2);
        connection.close_when_sent = true;
        break;
      case Shape::slow:
        connection.out = render_head(answer);
        connection.slow_left = answer.body.size();
        if (!answer.body.empty()) set_timer(connection, answer.interval);
        break;
      case Shape::endless:
        if (answer.body.empty()) answer.body = "endless ";
        [[fallthrough]];
      case Shape::complete:
      case Shape::chunked:
        connection.out = render_head(answer);
        if (connection.for_head || answer.status == 204 || answer.status == 304) break;
        connection.out += answer.shape == Shape::chunked ? render_chunks(answer.body) : answer.body;
    }
    const bool goes_on = connection.slow_left > 0 || answer.shape == Shape::endless;
    if (!goes_on) connection.answer.reset();
    return true;
  }

  // False: the connection is gone or cannot take more now.
  bool send(Connection& connection) {
    for (;;) {
      while (connection.sent < connection.out.size()) {
        const auto size = ::send(connection.fd, connection.out.data() + connection.sent,
                                 connection.out.size() - connection.sent, MSG_NOSIGNAL);
        if (size < 0 && errno == EAGAIN) {
          want_writable(connection, true);
          return false;
        }
        if (size < 0) {
          close(connection);
          return false;
        }
        connection.sent += static_cast<std::size_t>(size);
      }
      connection.out.clear();
      connection.sent = 0;
      want_writable(connection, false);
      if (connection.close_when_sent) {
        close(connection);
        return false;
      }
      if (!connection.answer || connection.delayed || connection.answer->shape != Shape::endless) return true;
      while (connection.out.size() < 65536) connection.out += connection.answer->body;
    }
  }

  void run_timers() {
    const auto now = Steady::now();
    while (!timers_.empty() && timers_.top().due <= now) {
      const auto timer = timers_.top();
      timers_.pop();
      const auto found = connections_.find(timer.fd);
      if (found == connections_.end() || found->second.number != timer.connection) continue;
      auto& connection = found->second;
      if (connection.slow_left > 0) {
        send_slow_byte(connection);
      } else if (begin_answer(connection)) {
        proceed(connection);
      }
    }
  }

  void send_slow_byte(Connection& connection) {
    const auto& body = connection.answer->body;
    connection.out += body[body.size() - connection.slow_left];
    if (--connection.slow_left > 0) {
      set_timer(connection, connection.answer->interval);
    } else {
      connection.answer.reset();
    }
    proceed(connection);
  }

  void set_timer(const Connection& connection, milliseconds delay) {
    timers_.push({Steady::now() + delay, connection.fd, connection.number});
  }

  void end_delay(Connection& connection) {
    if (!std::exchange(connection.delayed, false)) return;
    with_seen([](Seen& seen) { --seen.waiting; });
  }

  void close(Connection& connection) {
    end_delay(connection);
    const int fd = connection.fd;
    connections_.erase(fd);
    with_seen([](Seen& seen) { --seen.open_connection_count; });
    ::close(fd);
  }

  void want_writable(Connection& connection, bool wanted) {
    if (connection.wants_writable == wanted) return;
    connection.wants_writable = wanted;
    watch(EPOLL_CTL_MOD, connection.fd, EPOLLIN | EPOLLRDHUP | (wanted ? EPOLLOUT : 0U));
  }

  void watch(int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, operation, fd, &event);
  }

  int listener_ = -1;
  int epoll_ = -1;
  int stop_ = -1;
  std::uint16_t port_ = 0;
  std::unordered_map<int, Connection> connections_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;

  std::mutex mutex_;  // guards seen_
  std::condition_variable arrived_;
  Seen seen_;
  std::thread thread_;
};

HttpTarget::HttpTarget(std::uint16_t port) : server_(std::make_unique<Server>(port)) {}
HttpTarget::~HttpTarget() = default;

std::uint16_t HttpTarget::port() const noexcept { return server_->port(); }

std::string HttpTarget::url(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(port()) + std::string(path);
}

void HttpTarget::answer(const std::string& path, TargetAnswer answer) {
  this->answer(path, [answer = std::move(answer)](const TargetRequest&) { return answer; });
}

void HttpTarget::answer(const std::string& path, TargetBehaviour behaviour) {
  server_->with_seen([&](auto& seen) { seen.behaviours[path] = std::move(behaviour); });
}

void HttpTarget::keep_requests(bool keep) {
  server_->with_seen([&](auto& seen) { seen.keep = keep; });
}

std::vector<TargetRequest> HttpTarget::requests() const {
  return server_->with_seen([](auto& seen) { return seen.requests; });
}

std::vector<TargetRequest> HttpTarget::requests(std::string_view path) const {
  auto out = requests();
  std::erase_if(out, [&](const auto& request) { return request.path != path; });
  return out;
}

std::size_t HttpTarget::request_count() const {
  return server_->with_seen([](auto& seen) { return seen.request_count; });
}

bool HttpTarget::wait_for(std::size_t count, milliseconds timeout) const { return server_->wait_for(count, timeout); }

std::size_t HttpTarget::open_connection_count() const {
  return server_->with_seen([](auto& seen) { return seen.open_connection_count; });
}

std::size_t HttpTarget::connection_count() const {
  return server_->with_seen([](auto& seen) { return seen.connection_count; });
}

std::size_t HttpTarget::most_waiting() const {
  return server_->with_seen([](auto& seen) { return seen.most_waiting; });
}

}  // namespace punctual::testing
