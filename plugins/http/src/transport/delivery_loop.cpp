#include "transport/delivery_loop.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "punctual/errors.hpp"

namespace punctual {
namespace {

// So that a burst of starts does not keep the answers of others waiting.
constexpr std::size_t commands_a_round = 128;
// After a burst, memory goes back but for these.
constexpr std::size_t max_spare = 512;
// Those who wait for an address are unknown to curl's timers.
constexpr milliseconds late_check_interval{50};

int checked(int result, const char* what) {
  if (result < 0) throw Error(std::string("delivery loop: ") + what + ": " + std::strerror(errno));
  return result;
}

// Signals are for the main thread, and writing to a closed connection must not raise SIGPIPE (OpenSSL has no
// MSG_NOSIGNAL).
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

Descriptor::~Descriptor() { ::close(fd_); }

DeliveryLoop::DeliveryLoop(const TransferRules& rules, Host& host, TransportMetrics& metrics, Outstanding& outstanding)
    : rules_(rules),
      host_(host),
      metrics_(metrics),
      outstanding_(outstanding),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wakeup_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      multi_(curl_multi_init()) {
  if (!multi_) throw std::bad_alloc();
  set_up_multi();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wakeup_.get();
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event), "epoll_ctl");
  thread_ = std::thread([this] { run(); });
}

DeliveryLoop::~DeliveryLoop() {
  // Closing idle connections still calls on_socket.
  multi_.reset();
}

void DeliveryLoop::set_up_multi() {
  const auto connections = std::max<std::size_t>(1, rules_.settings.max_connections / rules_.settings.threads);
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &DeliveryLoop::on_socket);
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &DeliveryLoop::on_timer);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections));
}

bool DeliveryLoop::post(StartedDelivery& started) {
  load_.fetch_add(1, std::memory_order_relaxed);
  const auto pushed = inbox_.push(started);
  if (pushed == Inbox::Pushed::closed) {
    load_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  if (pushed == Inbox::Pushed::first) wake();
  return true;
}

void DeliveryLoop::cancel(ExecutionId id) {
  if (inbox_.push(id) == Inbox::Pushed::first) wake();
}

void DeliveryLoop::finish() {
  inbox_.close();
  wake();
  if (thread_.joinable()) thread_.join();
}

void DeliveryLoop::wake() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the loop wakes anyway.
  [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof one);
}

void DeliveryLoop::run() {
  block_signals();
  std::array<epoll_event, 256> events;
  while (!closed_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_limit());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == wakeup_.get()) {
        std::uint64_t ignored = 0;
        [[maybe_unused]] const auto size = ::read(wakeup_.get(), &ignored, sizeof ignored);
        inbox_filled_ = true;
        continue;
      }
      int what = 0;
      if ((event.events & (EPOLLIN | EPOLLHUP)) != 0) what |= CURL_CSELECT_IN;
      if ((event.events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
      if ((event.events & EPOLLERR) != 0) what |= CURL_CSELECT_ERR;
      int running = 0;
      curl_multi_socket_action(multi_.get(), event.data.fd, what, &running);
    }
    take_inbox();
    run_commands();
    run_timer();
    note_connecting();
    reap();
    end_late();
    admit_all();
  }
  cancel_everything();
}

int DeliveryLoop::wait_limit() const {
  if (next_command_ < commands_.size() || inbox_filled_ || !admitted_.empty()) return 0;
  auto limit = milliseconds::max();
  if (timer_) limit = std::chrono::ceil<milliseconds>(*timer_ - Steady::now());
  if (gate_.somebody_waits()) limit = std::min(limit, late_check_interval);
  if (limit == milliseconds::max()) return -1;
  return static_cast<int>(std::clamp<milliseconds::rep>(limit.count(), 0, 60'000));
}

void DeliveryLoop::take_inbox() {
  if (next_command_ < commands_.size() || !inbox_filled_) return;
  commands_.clear();
  next_command_ = 0;
  inbox_filled_ = false;
  closed_ = inbox_.take(commands_);
}

void DeliveryLoop::run_commands() {
  const auto end = closed_ ? commands_.size() : std::min(commands_.size(), next_command_ + commands_a_round);
  for (; next_command_ < end; ++next_command_) {
    auto& command = commands_[next_command_];
    if (auto* started = std::get_if<StartedDelivery>(&command)) {
      begin(std::move(*started));
    } else {
      cancel_now(std::get<ExecutionId>(command));
    }
  }
}

std::unique_ptr<Transfer> DeliveryLoop::new_transfer() {
  TransferListener& listener = *this;
  if (spare_.empty()) return std::make_unique<Transfer>(rules_, listener);
  auto out = std::move(spare_.back());
  spare_.pop_back();
  return out;
}

void DeliveryLoop::begin(StartedDelivery started) {
  Transfer* transfer = nullptr;
  try {
    auto fresh = new_transfer();
    fresh->position = transfers_.size();
    transfers_.push_back(std::move(fresh));
    ids_.push_back(started.delivery.id);
    transfer = transfers_.back().get();
  } catch (const std::exception&) {
    if (transfers_.size() > ids_.size()) transfers_.pop_back();
    DeliveryOutcome outcome;
    outcome.error = "out of memory";
    report(std::move(started.completion), std::move(outcome));
    return;
  }
  if (auto outcome = transfer->begin(std::move(started))) {
    complete(*transfer, std::move(*outcome));
  } else {
    enter_gate(*transfer);
  }
}

void DeliveryLoop::enter_gate(Transfer& transfer) {
  const auto& target = transfer.target();
  auto pass = LookupGate::Pass::go;
  if (!target.address()) pass = gate_.enter(transfer, target.host() + ":" + target.port(), Steady::now());
  if (pass == LookupGate::Pass::wait) return;
  send(transfer, pass == LookupGate::Pass::lead ? Lookup::fresh : Lookup::cached);
}

void DeliveryLoop::send(Transfer& transfer, Lookup lookup) {
  const auto now = Steady::now();
  if (now >= transfer.deadline()) {
    gate_.leave(transfer, admitted_);
    complete(transfer, transfer.ended(DeliveryResult::timed_out, {}, now));
    return;
  }
  std::string problem;
  try {
    transfer.prepare(now, host_.now(), lookup);
    const auto code = curl_multi_add_handle(multi_.get(), transfer.easy());
    if (code == CURLM_OK) return;
    problem = curl_multi_strerror(code);
  } catch (const std::exception& thrown) {
    problem = thrown.what();
  }
  gate_.leave(transfer, admitted_);
  complete(transfer, transfer.ended(DeliveryResult::transport_error, std::move(problem), now));
}

void DeliveryLoop::admit_all() {
  // Sending may admit further ones.
  for (std::size_t i = 0; i < admitted_.size(); ++i) {
    const auto [transfer, lookup] = admitted_[i];
    send(*transfer, lookup);
  }
  admitted_.clear();
}

void DeliveryLoop::run_timer() {
  if (!timer_ || *timer_ > Steady::now()) return;
  timer_.reset();
  int running = 0;
  curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
}

void DeliveryLoop::note_connecting() {
  for (const auto& [transfer, address_known] : connecting_) {
    if (address_known) {
      gate_.known(*transfer, Steady::now(), admitted_);
    } else {
      gate_.leave(*transfer, admitted_);
    }
  }
  connecting_.clear();
}

void DeliveryLoop::reap() {
  int left = 0;
  while (const auto* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    auto* const easy = message->easy_handle;
    const auto code = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    curl_multi_remove_handle(multi_.get(), easy);
    end_transfer(*transfer, code);
  }
}

void DeliveryLoop::end_transfer(Transfer& transfer, CURLcode code) {
  if (code == CURLE_OK || transfer.opened_connection()) metrics_.connected(transfer.opened_connection());
  auto outcome = [&]() -> std::optional<DeliveryOutcome> {
    if (!transfer.wants_redirect(code)) return transfer.outcome(code, Steady::now());
    return transfer.redirect();
  }();
  if (code == CURLE_COULDNT_RESOLVE_HOST) {
    for (auto* waiting : gate_.fail(transfer, admitted_)) {
      complete(*waiting, waiting->ended(DeliveryResult::transport_error, outcome->error, Steady::now()));
    }
  }
  gate_.leave(transfer, admitted_);
  if (outcome) {
    complete(transfer, std::move(*outcome));
  } else {
    enter_gate(transfer);
  }
}

void DeliveryLoop::end_late() {
  if (!gate_.somebody_waits()) return;
  const auto now = Steady::now();
  if (now < next_late_check_) return;
  next_late_check_ = now + late_check_interval;
  for (auto* transfer : gate_.late(now)) abort(*transfer, transfer->ended(DeliveryResult::timed_out, {}, now));
}

void DeliveryLoop::cancel_now(ExecutionId id) {
  // An id may be under way twice: after a cancelled one has been started again.
  for (std::size_t i = ids_.size(); i-- > 0;) {
    if (ids_[i] != id) continue;
    auto& transfer = *transfers_[i];
    abort(transfer, transfer.ended(DeliveryResult::cancelled, {}, Steady::now()));
  }
}

void DeliveryLoop::cancel_everything() {
  while (!transfers_.empty()) {
    auto& transfer = *transfers_.back();
    abort(transfer, transfer.ended(DeliveryResult::cancelled, {}, Steady::now()));
  }
}

void DeliveryLoop::abort(Transfer& transfer, DeliveryOutcome outcome) {
  curl_multi_remove_handle(multi_.get(), transfer.easy());  // does nothing when it was not added
  gate_.leave(transfer, admitted_);
  std::erase_if(admitted_, [&](const auto& admitted) { return admitted.transfer == &transfer; });
  std::erase_if(connecting_, [&](const auto& connecting) { return connecting.first == &transfer; });
  complete(transfer, std::move(outcome));
}

void DeliveryLoop::complete(Transfer& transfer, DeliveryOutcome outcome) {
  const auto position = transfer.position;
  auto owner = std::move(transfers_[position]);
  transfers_[position] = std::move(transfers_.back());
  ids_[position] = ids_.back();
  if (transfers_[position]) transfers_[position]->position = position;
  transfers_.pop_back();
  ids_.pop_back();
  auto completion = owner->release();
  if (spare_.size() < max_spare) spare_.push_back(std::move(owner));
  report(std::move(completion), std::move(outcome));
}

void DeliveryLoop::report(DeliveryCompletion completion, DeliveryOutcome outcome) {
  metrics_.finished(outcome);
  load_.fetch_sub(1, std::memory_order_relaxed);
  try {
    completion(std::move(outcome));
  } catch (const std::exception& problem) {
    host_.log(LogLevel::error, std::string("a delivery's completion failed: ") + problem.what());
  }
  // What it holds goes before drain() may return.
  completion = nullptr;
  outstanding_.remove();
}

void DeliveryLoop::on_connecting(Transfer& transfer, bool address_known) {
  if (gate_.busy()) connecting_.emplace_back(&transfer, address_known);
}

int DeliveryLoop::on_socket(CURL*, curl_socket_t fd, int what, void* self, void* known) {
  auto& loop = *static_cast<DeliveryLoop*>(self);
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.fd = fd;
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (known == nullptr) {
    // Any pointer but null tells next time that the descriptor is in the set.
    curl_multi_assign(loop.multi_.get(), fd, &loop);
    if (::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 || errno != EEXIST) return 0;
  }
  ::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_MOD, fd, &event);
  return 0;
}

int DeliveryLoop::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& timer = static_cast<DeliveryLoop*>(self)->timer_;
  if (timeout_ms < 0) {
    timer.reset();
  } else {
    timer = Steady::now() + milliseconds{timeout_ms};
  }
  return 0;
}

}  // namespace punctual
