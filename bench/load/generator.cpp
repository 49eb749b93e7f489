#include "load/generator.hpp"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <deque>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "load/connection.hpp"

namespace punctual::bench {

namespace {

using Clock = std::chrono::steady_clock;

// At high rates the generator looks at its connections at most every so often, which halves its share of the CPU. The time
// counts as latency.
constexpr double many_a_second = 2000;
constexpr microseconds rest_when_many{400};

Time wall_clock() { return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()); }

microseconds between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration_cast<microseconds>(to - from);
}

struct Client {
  explicit Client(const sockaddr_in& server) : connection(server) {}

  Connection connection;
  RequestKind kind{};
  std::uint32_t number = 0;
  bool creates = false;
  Clock::time_point due;
  Clock::time_point sent;
};

class Run {
 public:
  Run(std::uint16_t port, TaskRequests& requests, const Load& load);
  ~Run() { close(epoll_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  LoadReport go();

 private:
  void connect_all();
  void open_what_is_needed(Clock::time_point now);
  void open(Client& client);
  void refused(Client& client);
  void watch(Client& client, int operation, std::uint32_t events) const;
  void send_what_is_due(Clock::time_point now);
  void send(Client& client, Clock::time_point due, Clock::time_point now);
  void wait(Clock::time_point until);
  void handle(Client& client, std::uint32_t events);
  void replied(Client& client, Clock::time_point now);
  void lost(Client& client);
  [[nodiscard]] Clock::time_point due_time(std::uint64_t arrival) const;
  [[nodiscard]] std::uint64_t due_by(Clock::time_point now) const;
  [[nodiscard]] LoadReport::Second& second_of(Clock::time_point due);

  TaskRequests& requests_;
  Load load_;
  int epoll_;
  std::deque<Client> clients_;
  std::vector<Client*> idle_;
  std::vector<Client*> closed_;
  std::size_t busy_ = 0;
  std::size_t connecting_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t arrivals_ = 0;  // in the whole run; unbounded in a closed loop
  Clock::duration rest_{0};
  Clock::time_point start_;
  Clock::time_point end_;
  Clock::time_point last_reply_;
  Clock::time_point reopen_at_;
  Time wall_start_;
  LoadReport report_;
};

Run::Run(std::uint16_t port, TaskRequests& requests, const Load& load)
    : requests_(requests), load_(load), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll");
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (std::size_t i = 0; i < load.connections; ++i) clients_.emplace_back(server);
}

void Run::watch(Client& client, int operation, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &client;
  epoll_ctl(epoll_, operation, client.connection.descriptor(), &event);
}

void Run::refused(Client& client) {
  closed_.push_back(&client);
  reopen_at_ = Clock::now() + milliseconds{5};
}

void Run::open(Client& client) {
  if (client.connection.open()) {
    watch(client, EPOLL_CTL_ADD, EPOLLOUT);
    ++connecting_;
  } else {
    refused(client);
  }
}

// A server may end connections that it has no room for; those are opened again when a request needs one.
void Run::connect_all() {
  for (auto& client : clients_) open(client);
  const auto limit = Clock::now() + seconds{5};
  while (connecting_ > 0 && Clock::now() < limit) wait(Clock::now() + milliseconds{10});
  if (idle_.empty()) throw std::runtime_error("the server takes no connections");
}

// Where requests wait and connections do not suffice.
void Run::open_what_is_needed(Clock::time_point now) {
  if (now < reopen_at_) return;
  const std::uint64_t waiting = load_.rate > 0 ? due_by(now) - std::min(due_by(now), sent_) : clients_.size();
  while (connecting_ < waiting && !closed_.empty()) {
    Client& client = *closed_.back();
    closed_.pop_back();
    open(client);
    if (now < reopen_at_) return;
  }
}

Clock::time_point Run::due_time(std::uint64_t arrival) const {
  return start_ + std::chrono::nanoseconds{std::llround(static_cast<double>(arrival) * 1e9 / load_.rate)};
}

std::uint64_t Run::due_by(Clock::time_point now) const {
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  return std::min(arrivals_, static_cast<std::uint64_t>(elapsed * load_.rate) + 1);
}

LoadReport::Second& Run::second_of(Clock::time_point due) {
  const auto second = static_cast<std::size_t>(std::max<std::int64_t>(0, (due - start_) / seconds{1}));
  if (report_.seconds.size() <= second) report_.seconds.resize(second + 1);
  return report_.seconds[second];
}

void Run::send(Client& client, Clock::time_point due, Clock::time_point now) {
  const Request request = requests_.next(wall_start_ + between(start_, due));
  client.kind = request.kind;
  client.creates = request.number.has_value();
  client.number = request.number.value_or(0);
  client.due = due;
  client.sent = now;
  ++sent_;
  ++busy_;
  if (!client.connection.send(request.bytes)) {
    lost(client);
  } else if (client.connection.unsent()) {
    watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
  }
}

void Run::send_what_is_due(Clock::time_point now) {
  if (load_.rate <= 0) {
    while (now < end_ && !idle_.empty()) {
      Client& client = *idle_.back();
      idle_.pop_back();
      send(client, now, now);
    }
    return;
  }
  const std::uint64_t due = due_by(now);
  while (sent_ < due && !idle_.empty()) {
    Client& client = *idle_.back();
    idle_.pop_back();
    send(client, due_time(sent_), now);
  }
  report_.most_waiting = std::max(report_.most_waiting, due - std::min(due, sent_));
}

void Run::wait(Clock::time_point until) {
  std::array<epoll_event, 256> events;
  const auto left = std::max(std::chrono::nanoseconds{0}, std::chrono::nanoseconds{until - Clock::now()});
  timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  const int count = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto& event = events.at(static_cast<std::size_t>(i));
    handle(*static_cast<Client*>(event.data.ptr), event.events);
  }
}

void Run::handle(Client& client, std::uint32_t events) {
  Connection& connection = client.connection;
  if (connection.state() == Connection::State::connecting) {
    --connecting_;
    if (connection.finish_opening()) {
      watch(client, EPOLL_CTL_MOD, EPOLLIN);
      idle_.push_back(&client);
    } else {
      refused(client);
    }
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    if (!connection.flush()) {
      lost(client);
      return;
    }
    if (!connection.unsent()) watch(client, EPOLL_CTL_MOD, EPOLLIN);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
  switch (connection.read()) {
    case Connection::Read::more:
      break;
    case Connection::Read::replied:
      replied(client, Clock::now());
      break;
    case Connection::Read::gone:
      lost(client);
      break;
  }
}

void Run::replied(Client& client, Clock::time_point now) {
  const Reply& reply = client.connection.reply();
  ++report_.statuses[reply.status];
  report_.from_sending.add(between(client.sent, now));
  if (reply.retry_after) report_.refusals.add(between(client.sent, now));
  const auto latency = between(client.due, now);
  auto& second = second_of(client.due);
  ++second.replies;
  second.worst = std::max(second.worst, latency);
  if (reply.status == (client.creates ? 202 : 200)) {
    report_.by_kind.at(static_cast<std::size_t>(client.kind)).add(latency);
    report_.latency.add(latency);
    if (client.creates) {
      (client.kind == RequestKind::delayed ? report_.accepted_later : report_.accepted).push_back(client.number);
    }
  } else {
    ++report_.errors;
  }
  last_reply_ = now;
  --busy_;
  (client.connection.state() == Connection::State::idle ? idle_ : closed_).push_back(&client);
}

// An idle connection that the server ends is no error: it is opened again when it is needed.
void Run::lost(Client& client) {
  if (client.connection.state() == Connection::State::busy) {
    ++report_.errors;
    ++report_.statuses[0];
    --busy_;
  } else {
    idle_.erase(std::remove(idle_.begin(), idle_.end(), &client), idle_.end());
  }
  client.connection.close();
  closed_.push_back(&client);
}

LoadReport Run::go() {
  connect_all();
  if (load_.rate >= many_a_second) rest_ = rest_when_many;
  start_ = Clock::now();
  wall_start_ = wall_clock();
  last_reply_ = start_;
  end_ = start_ + load_.duration;
  const double seconds_of_load = std::chrono::duration<double>(load_.duration).count();
  arrivals_ = static_cast<std::uint64_t>(std::ceil(load_.rate * seconds_of_load));
  const auto give_up = end_ + load_.patience;
  for (;;) {
    const auto now = Clock::now();
    send_what_is_due(now);
    const bool all_sent = load_.rate > 0 ? sent_ >= arrivals_ : now >= end_;
    if ((all_sent && busy_ == 0) || now >= give_up) break;
    if (idle_.empty()) open_what_is_needed(now);
    // Where connections are missing, soon; otherwise only a reply or the next arrival matters.
    auto next = closed_.empty() || !idle_.empty() ? give_up : now + milliseconds{1};
    if (load_.rate > 0 && !idle_.empty() && sent_ < arrivals_) next = std::min(next, due_time(sent_));
    if (load_.rate <= 0 && !all_sent) next = std::min(next, end_);
    if (rest_ > Clock::duration{0}) std::this_thread::sleep_until(now + rest_);
    wait(next);
  }
  report_.unanswered = busy_ + (load_.rate > 0 ? arrivals_ - sent_ : 0);
  report_.due = load_.rate > 0 ? arrivals_ : sent_;
  report_.errors += report_.unanswered;
  report_.took = std::chrono::duration<double>(std::max(last_reply_, std::min(end_, Clock::now())) - start_).count();
  return std::move(report_);
}

}  // namespace

LoadReport generate(std::uint16_t port, TaskRequests& requests, const Load& load) {
  return Run(port, requests, load).go();
}

}  // namespace punctual::bench
