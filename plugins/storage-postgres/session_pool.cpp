#include "session_pool.hpp"

#include <algorithm>
#include <array>

namespace punctual::postgres {
namespace {

constexpr std::array<double, 8> wait_bounds{0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 1, 5};

}  // namespace

SessionPool::SessionPool(SessionOptions options, std::string name, std::size_t size, milliseconds patience,
                         Metrics& metrics)
    : options_(std::move(options)),
      name_(std::move(name)),
      patience_(patience),
      size_(size),
      in_use_(metrics.gauge("punctual_postgres_sessions_in_use", "Connections that are lent", {{"pool", name_}})),
      opened_(metrics.counter("punctual_postgres_sessions_opened_total", "Connections made", {{"pool", name_}})),
      timeouts_(metrics.counter("punctual_postgres_session_timeouts_total",
                                "Requests for a connection that were not served in time", {{"pool", name_}})),
      wait_seconds_(metrics.histogram("punctual_postgres_session_wait_seconds", "Wait for a free connection",
                                      wait_bounds, {{"pool", name_}})) {
  metrics.gauge("punctual_postgres_sessions_size", "Connections that may be open", {{"pool", name_}})
      .set(static_cast<double>(size));
}

std::unique_ptr<Session> SessionPool::take() {
  const auto asked = std::chrono::steady_clock::now();
  auto session = take_place();
  wait_seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count());
  if (session && session->usable()) return session;
  session.reset();
  try {
    session = std::make_unique<Session>(options_);
    opened_.add();
    return session;
  } catch (const Timeout& problem) {
    // Lost while it was set up: nothing has been asked of it yet.
    give_place_back();
    throw Unavailable(problem.what());
  } catch (...) {
    give_place_back();
    throw;
  }
}

std::unique_ptr<Session> SessionPool::take_place() {
  std::unique_lock lock(mutex_);
  if (waiting_.empty() && places_taken_ < size_) {
    ++places_taken_;
    in_use_.set(static_cast<double>(places_taken_));
    if (idle_.empty()) return nullptr;
    auto session = std::move(idle_.back());
    idle_.pop_back();
    return session;
  }
  Waiter self;
  waiting_.push_back(&self);
  if (!self.served.wait_for(lock, patience_, [&] { return self.has_place; })) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &self));
    timeouts_.add();
    throw Unavailable("all " + std::to_string(size_) + " connections of the pool '" + name_ + "' are in use");
  }
  return std::move(self.session);
}

void SessionPool::serve_next(std::unique_ptr<Session> session) {
  if (waiting_.empty()) {
    --places_taken_;
    in_use_.set(static_cast<double>(places_taken_));
    if (session) idle_.push_back(std::move(session));
    return;
  }
  Waiter& next = *waiting_.front();
  waiting_.pop_front();
  next.session = std::move(session);
  next.has_place = true;
  next.served.notify_one();
}

void SessionPool::give_back(std::unique_ptr<Session> session) {
  if (session && !session->clean()) session.reset();
  const std::lock_guard lock(mutex_);
  serve_next(std::move(session));
}

void SessionPool::give_place_back() {
  const std::lock_guard lock(mutex_);
  serve_next(nullptr);
}

void SessionPool::wait_after_collision(int attempt) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const int most = 2 << std::min(attempt, 7);
  std::this_thread::sleep_for(milliseconds{std::uniform_int_distribution<int>{1, most}(random)});
}

}  // namespace punctual::postgres
