#include "frontend/doorman.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace punctual {

namespace {

constexpr std::chrono::seconds patience{2};
constexpr std::size_t max_guests = 1024;
constexpr std::size_t max_bytes = std::size_t{64} << 20;

// True while more may come.
bool drop_input(int descriptor, std::size_t& bytes_left) {
  std::array<char, 65536> scrap;
  for (;;) {
    const auto got = ::recv(descriptor, scrap.data(), scrap.size(), MSG_DONTWAIT);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (static_cast<std::size_t>(got) >= bytes_left) return false;
    bytes_left -= static_cast<std::size_t>(got);
  }
}

}  // namespace

Doorman::Doorman() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

Doorman::~Doorman() {
  stop();
  ::close(wake_);
}

void Doorman::stop() {
  if (!thread_.joinable()) return;
  stop_ = true;
  wake();
  thread_.join();
  guests_.clear();
}

void Doorman::wake() {
  const std::uint64_t one = 1;
  // Can fail only when the counter is full, and then the thread is about to wake anyway.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void Doorman::see_off(const Poco::Net::StreamSocket& socket) {
  ::shutdown(socket.impl()->sockfd(), SHUT_WR);
  {
    const std::lock_guard lock(mutex_);
    arrivals_.push_back({socket, std::chrono::steady_clock::now() + patience, max_bytes});
  }
  wake();
}

void Doorman::turn_away(const Poco::Net::StreamSocket& socket, std::string_view reply) {
  if (::send(socket.impl()->sockfd(), reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) see_off(socket);
}

void Doorman::take_arrivals() {
  const std::lock_guard lock(mutex_);
  guests_.insert(guests_.end(), arrivals_.begin(), arrivals_.end());
  arrivals_.clear();
  if (guests_.size() > max_guests) guests_.erase(guests_.begin(), guests_.end() - max_guests);
}

int Doorman::wait_time() const {
  if (guests_.empty()) return -1;
  // Guests came in the order of their deadlines.
  const auto until = guests_.front().deadline;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::max<long long>(left, 0));
}

void Doorman::drop_finished(const std::vector<bool>& readable) {
  const auto now = std::chrono::steady_clock::now();
  std::size_t at = 0;
  std::erase_if(guests_, [&](Guest& guest) {
    const bool look = readable[at++];
    if (now >= guest.deadline) return true;
    return look && !drop_input(guest.socket.impl()->sockfd(), guest.bytes_left);
  });
}

void Doorman::run() {
  std::vector<pollfd> entries;
  std::vector<bool> readable;
  while (!stop_) {
    take_arrivals();
    entries.assign(1, pollfd{wake_, POLLIN, 0});
    for (const auto& guest : guests_) entries.push_back({guest.socket.impl()->sockfd(), POLLIN, 0});
    if (::poll(entries.data(), entries.size(), wait_time()) < 0 && errno != EINTR) continue;
    if (entries[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
    }
    readable.clear();
    for (std::size_t i = 1; i < entries.size(); ++i) readable.push_back(entries[i].revents != 0);
    drop_finished(readable);
  }
}

}  // namespace punctual
