#include "frontend/lobby.hpp"

#include <Poco/Exception.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace punctual {

namespace {

constexpr milliseconds look_interval{10};  // expired connections are looked for no more often
constexpr milliseconds accept_pause{100};  // when there is no descriptor left
constexpr std::chrono::seconds idle_grace{1};
constexpr std::size_t max_events = 256;

int checked(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
  return descriptor;
}

}  // namespace

Lobby::Lobby(const Poco::Net::ServerSocket& listener, LobbyEvents events)
    : listener_(listener),
      events_(std::move(events)),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  listener_.setBlocking(false);
  watch(wake_, EPOLL_CTL_ADD, EPOLLIN, &wake_);
  watch(listener_.impl()->sockfd(), EPOLL_CTL_ADD, EPOLLIN, &listener_);
}

Lobby::~Lobby() {
  parked_.clear();
  ::close(wake_);
  ::close(epoll_);
}

void Lobby::watch(int descriptor, int operation, std::uint32_t events, void* what) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = what;
  checked(::epoll_ctl(epoll_, operation, descriptor, &event), "epoll_ctl");
}

void Lobby::wake() {
  const std::uint64_t one = 1;
  // Can fail only when the counter is full, and then the thread is about to wake anyway.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void Lobby::park(ConnectionPtr connection) {
  const bool idle = connection->awaits == Connection::Awaits::request;
  auto& entry = *connection;
  entry.since = std::chrono::steady_clock::now();
  bool earlier = false;
  {
    const std::lock_guard lock(mutex_);
    if (ending_ && idle) return;
    entry.place = parked_.insert(parked_.end(), std::move(connection));
    earlier = entry.deadline < look_at_;
    if (earlier) look_at_ = entry.deadline;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
    event.data.ptr = &entry;
    const int operation = entry.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll_, operation, entry.descriptor(), &event) != 0) {
      parked_.erase(entry.place);  // the kernel has no memory for it
      return;
    }
    entry.watched = true;
  }
  if (earlier) wake();
}

void Lobby::take(Connection& connection, std::vector<ConnectionPtr>& into) {
  const auto place = connection.place;
  into.push_back(std::move(*place));
  parked_.erase(place);
}

bool Lobby::end_longest_idle() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  for (auto entry = parked_.begin(); entry != parked_.end() && now - (*entry)->since >= idle_grace; ++entry) {
    if ((*entry)->awaits != Connection::Awaits::request) continue;
    parked_.erase(entry);
    return true;
  }
  return false;
}

void Lobby::accept() {
  try {
    auto socket = listener_.acceptConnection();
    socket.setNoDelay(true);
    events_.arrived(socket);
  } catch (const Poco::Exception& problem) {
    // The client has gone again, or there is no descriptor left: then an idle connection gives its own up, or it takes time.
    if ((problem.code() == EMFILE || problem.code() == ENFILE) && !end_longest_idle()) {
      accept_from_ = std::chrono::steady_clock::now() + accept_pause;
      watch(listener_.impl()->sockfd(), EPOLL_CTL_MOD, 0, &listener_);
    }
  }
}

void Lobby::expire(SteadyTime now) {
  std::vector<ConnectionPtr> expired;
  {
    const std::lock_guard lock(mutex_);
    if (now < look_at_) return;
    look_at_ = SteadyTime::max();
    for (auto entry = parked_.begin(); entry != parked_.end();) {
      auto& connection = **entry++;
      if (connection.deadline <= now) {
        // Its socket may live on with the doorman: no event must name the connection any more.
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.descriptor(), nullptr);
        connection.watched = false;
        take(connection, expired);
      } else {
        look_at_ = std::min(look_at_, connection.deadline);
      }
    }
    if (look_at_ != SteadyTime::max()) look_at_ = std::max(look_at_, now + look_interval);
  }
  for (auto& connection : expired) events_.expired(std::move(connection));
}

void Lobby::drop_idle() {
  const std::lock_guard lock(mutex_);
  std::erase_if(parked_, [](const ConnectionPtr& entry) { return entry->awaits == Connection::Awaits::request; });
}

int Lobby::wait_time(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  const auto until = accept_from_ > now ? std::min(look_at_, accept_from_) : look_at_;
  if (until == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(until - now).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
}

void Lobby::run() {
  std::array<epoll_event, max_events> events{};
  std::vector<ConnectionPtr> ready;
  auto now = std::chrono::steady_clock::now();
  bool idle_dropped = false;
  while (!stop_) {
    const bool drop_now = ending_ && !idle_dropped;
    const int count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), drop_now ? 0 : wait_time(now));
    now = std::chrono::steady_clock::now();
    bool arrivals = false;
    {
      const std::lock_guard lock(mutex_);
      for (int i = 0; i < count; ++i) {
        auto* what = events[static_cast<std::size_t>(i)].data.ptr;
        if (what == &wake_) {
          std::uint64_t wakes = 0;
          [[maybe_unused]] const auto got = ::read(wake_, &wakes, sizeof wakes);
        } else if (what == &listener_) {
          arrivals = true;
        } else {
          take(*static_cast<Connection*>(what), ready);
        }
      }
    }
    for (auto& connection : ready) events_.ready(std::move(connection));
    ready.clear();
    // What follows may end connections: no event of theirs is left.
    if (arrivals) accept();
    if (accept_from_ != SteadyTime{} && accept_from_ <= now) {
      accept_from_ = {};
      watch(listener_.impl()->sockfd(), EPOLL_CTL_MOD, EPOLLIN, &listener_);
    }
    expire(now);
    // Everything that had come before the end began has been given out, when all events fitted.
    if (drop_now && count < static_cast<int>(events.size())) {
      drop_idle();
      idle_dropped = true;
    }
  }
}

void Lobby::end_idle() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake();
}

void Lobby::stop() {
  stop_ = true;
  wake();
}

void Lobby::end_all() {
  const std::lock_guard lock(mutex_);
  parked_.clear();
}

}  // namespace punctual
