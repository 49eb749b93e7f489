#include "frontend/client_waits.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace punctual {

namespace {

constexpr std::chrono::seconds grace{1};

}  // namespace

ClientWaits::Waiter::Waiter(ClientWaits& all) : all_(all), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

ClientWaits::Waiter::~Waiter() {
  begin_exchange();
  ::close(wake_);
}

void ClientWaits::Waiter::begin_exchange() {
  since_ = std::chrono::steady_clock::now();
  const std::lock_guard lock(all_.mutex_);
  if (!cut_) return;
  cut_ = false;
  --all_.leaving_;
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
}

void ClientWaits::Waiter::cut() {
  if (cut_) return;
  cut_ = true;
  ++all_.leaving_;
  const std::uint64_t one = 1;
  // Can fail only when the counter is full, and then the thread is awake anyway.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

bool ClientWaits::Waiter::wait(int descriptor, short events, SteadyTime deadline) {
  {
    const std::lock_guard lock(all_.mutex_);
    if (cut_ || all_.all_cut_) return false;
    here_ = all_.waiting_.insert(all_.waiting_.end(), this);
  }
  std::array<pollfd, 2> entries{pollfd{descriptor, events, 0}, pollfd{wake_, POLLIN, 0}};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    ready = ::poll(entries.data(), entries.size(), static_cast<int>(std::clamp<long long>(left, 0, 86'400'000)));
  } while (ready < 0 && errno == EINTR);
  const std::lock_guard lock(all_.mutex_);
  all_.waiting_.erase(here_);
  return entries[0].revents != 0;
}

void ClientWaits::cut(std::size_t wanted) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  for (auto* waiter : waiting_) {
    if (leaving_ >= wanted) return;
    if (now - waiter->since_ >= grace) waiter->cut();
  }
}

void ClientWaits::cut_all() {
  const std::lock_guard lock(mutex_);
  all_cut_ = true;
  for (auto* waiter : waiting_) waiter->cut();
}

std::size_t ClientWaits::count() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace punctual
