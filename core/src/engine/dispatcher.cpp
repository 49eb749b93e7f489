#include "engine/dispatcher.hpp"

#include "engine/transient.hpp"

namespace punctual {

Dispatcher::Dispatcher(WorkStore& store, const Lease& lease, Clock& clock, Host& host, IdGenerator& ids,
                       EngineMetrics& metrics, const EngineSettings& settings, HeldClaims& held, Send send,
                       std::function<void()> on_unclear)
    : store_(store),
      lease_(lease),
      clock_(clock),
      host_(host),
      ids_(ids),
      metrics_(metrics),
      held_(held),
      send_(std::move(send)),
      on_unclear_(std::move(on_unclear)),
      capacity_(settings.max_in_flight),
      batch_(settings.claim_batch),
      ahead_(settings.claim_ahead),
      poll_(settings.poll_interval),
      claim_loop_(clock, [this] { return claim_once(); }) {}

void Dispatcher::start() {
  claim_loop_.start();
  firing_ = std::thread([this] { fire(); });
}

void Dispatcher::stop() {
  claim_loop_.stop();
  held_.stop();
  if (firing_.joinable()) firing_.join();
}

Time Dispatcher::claim_once() {
  const Time now = clock_.now();
  const std::size_t room = held_.room();
  if (room == 0) {
    behind_ = true;  // settling makes room and wakes this loop
    return now + poll_;
  }
  // What is only about to be due may hold half of the places, lest it keeps waiting what is due.
  const std::size_t waiting = held_.sizes().waiting;
  const std::size_t room_ahead = capacity_ / 2 > waiting ? capacity_ / 2 - waiting : 0;
  const Time horizon = room_ahead > 0 ? now + ahead_ : now;
  auto allowed = held_.begin_claim(std::min(batch_, room_ahead > 0 ? room_ahead : room));
  const std::size_t asked = allowed.limit;
  try {
    ClaimResult result =
        store_.claim({lease_.node(), ids_.next_token(), now, horizon, asked, allowed.share, std::move(allowed.shares)});
    metrics_.claim_seconds.observe(std::chrono::duration<double>(clock_.now() - now).count());
    if (!result.claimed.empty()) metrics_.claim_batch.observe(static_cast<double>(result.claimed.size()));
    metrics_.claimed_ahead.add(static_cast<double>(result.claimed.size()));
    failures_ = 0;
    const Time next = after_claim(result, asked, now);
    behind_ = result.claimed.size() == asked && result.next_due && *result.next_due <= now;
    held_.absorb(std::move(result.claimed));
    return next;
  } catch (const std::exception& error) {
    held_.absorb({});
    on_unclear_();
    metrics_.storage_errors.add();
    const auto wait = transient_wait(++failures_);
    host_.log(LogLevel::warn,
              std::string("claiming failed, trying again in ") + std::to_string(wait.count()) + " ms: " + error.what());
    return clock_.now() + wait;
  }
}

// Claims are taken half a window early, so that each brings half a window of work rather than one execution.
Time Dispatcher::after_claim(const ClaimResult& result, std::size_t asked, Time now) {
  const bool in_vain = result.claimed.empty() && result.next_due && *result.next_due <= now;
  in_vain_ = in_vain ? in_vain_ + 1 : 0;
  if (asked > 0 && result.claimed.size() == asked) return now;
  if (!result.next_due) return now + poll_;
  // What is due is held back by a cap or a share, or another server is at it. Settling wakes this loop.
  if (in_vain) return now + std::min(poll_, milliseconds{5 << std::min(in_vain_, 5)});
  // Due within the window and yet not claimed: it has a queue, and is claimed at its time, not before.
  const Time wanted = *result.next_due <= now + ahead_ ? *result.next_due : *result.next_due - ahead_ / 2;
  return std::clamp<Time>(wanted, now + milliseconds{1}, now + poll_);
}

void Dispatcher::fire() {
  for (auto due = held_.wait_due(clock_); !due.empty(); due = held_.wait_due(clock_)) {
    for (auto& claimed : due) send_(std::move(claimed));
  }
}

}  // namespace punctual
