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

constexpr std::chrono::seconds first_request_grace{1};

}  // namespace

OpenConnections::Place::Place(OpenConnections& all, int descriptor)
    : all_(all), descriptor_(descriptor), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
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
  {
    const std::lock_guard lock(all_.mutex_);
    idle_ = true;
    idle_since_ = std::chrono::steady_clock::now();
    idle_here_ = all_.idle_.insert(all_.idle_.end(), this);
    if (all_.ending_) tell();
  }
  std::array<pollfd, 2> entries{pollfd{descriptor_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    ready = ::poll(entries.data(), entries.size(), static_cast<int>(std::clamp<long long>(left, 0, 86'400'000)));
  } while (ready < 0 && errno == EINTR);
  const std::lock_guard lock(all_.mutex_);
  all_.idle_.erase(idle_here_);
  idle_ = false;
  served_ = true;
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
  for (auto* place : idle_) {
    if (leaving_ >= waiting) break;
    if (place->told_ || (!place->served_ && now - place->idle_since_ < first_request_grace)) continue;
    place->tell();
    ++told;
  }
  return told;
}

void OpenConnections::end_idle() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  for (auto* place : idle_) place->tell();
}

void OpenConnections::break_all() {
  const std::lock_guard lock(mutex_);
  for (auto* place : open_) ::shutdown(place->descriptor_, SHUT_RDWR);
}

bool OpenConnections::wait_until_none(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  return none_left_.wait_until(lock, deadline, [&] { return open_.empty(); });
}

std::size_t OpenConnections::count() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

}  // namespace punctual
