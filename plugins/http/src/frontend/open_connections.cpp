#include "frontend/open_connections.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace punctual {

namespace {

constexpr std::chrono::seconds grace{1};

}  // namespace

OpenConnections::Place::Place(OpenConnections& all, int descriptor)
    : all_(all),
      descriptor_(descriptor),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      since_(std::chrono::steady_clock::now()) {
  const std::lock_guard lock(all_.mutex_);
  here_ = all_.open_.insert(all_.open_.end(), this);
}

OpenConnections::Place::~Place() {
  {
    const std::lock_guard lock(all_.mutex_);
    all_.open_.erase(here_);
    if (told_) --all_.leaving_;
    if (all_.open_.empty()) all_.none_left_.notify_all();
  }
  if (wake_ >= 0) ::close(wake_);
}

void OpenConnections::Place::tell() {
  if (told_) return;
  told_ = true;
  ++all_.leaving_;
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) < 0) ::shutdown(descriptor_, SHUT_RD);
}

bool OpenConnections::Place::wait_for_request(SteadyTime deadline) {
  since_ = std::chrono::steady_clock::now();
  const bool came = wait(POLLIN, deadline, served_ ? Wait::next_request : Wait::first_request);
  since_ = std::chrono::steady_clock::now();
  served_ = true;
  // A request that came as its connection was told to end is served: what was said counts after it.
  std::uint64_t told = 0;
  if (came) [[maybe_unused]]
    const auto got = ::read(wake_, &told, sizeof told);
  return came;
}

bool OpenConnections::Place::wait_for_client(short events, SteadyTime deadline) {
  return wait(events, deadline, Wait::middle);
}

bool OpenConnections::Place::wait(short events, SteadyTime deadline, Wait kind) {
  {
    const std::lock_guard lock(all_.mutex_);
    kind_ = kind;
    waiting_here_ = all_.waiting_.insert(all_.waiting_.end(), this);
    if (all_.ending_ && kind != Wait::middle) tell();
  }
  std::array<pollfd, 2> entries{pollfd{descriptor_, events, 0}, pollfd{wake_, POLLIN, 0}};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    ready = ::poll(entries.data(), entries.size(), static_cast<int>(std::clamp<long long>(left, 0, 86'400'000)));
  } while (ready < 0 && errno == EINTR);
  const std::lock_guard lock(all_.mutex_);
  all_.waiting_.erase(waiting_here_);
  return entries[0].revents != 0;
}

bool OpenConnections::Place::told_to_end() {
  const std::lock_guard lock(all_.mutex_);
  return told_ || all_.ending_;
}

std::size_t OpenConnections::make_room(std::size_t waiting) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  std::size_t told = 0;
  const auto tell_those = [&](auto may_end) {
    for (auto* place : waiting_) {
      if (leaving_ >= waiting) return;
      if (place->told_ || !may_end(*place)) continue;
      place->tell();
      ++told;
    }
  };
  tell_those([](const Place& place) { return place.kind_ == Place::Wait::next_request; });
  tell_those([&](const Place& place) { return now - place.since_ >= grace; });
  return told;
}

void OpenConnections::end_idle() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  for (auto* place : waiting_) {
    if (place->kind_ != Place::Wait::middle) place->tell();
  }
}

void OpenConnections::break_all() {
  const std::lock_guard lock(mutex_);
  for (auto* place : open_) ::shutdown(place->descriptor_, SHUT_RDWR);
}

bool OpenConnections::wait_until_none(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  return none_left_.wait_until(lock, deadline, [&] { return open_.empty(); });
}

OpenConnections::Counts OpenConnections::counts() const {
  const std::lock_guard lock(mutex_);
  return {open_.size(), waiting_.size()};
}

}  // namespace punctual
