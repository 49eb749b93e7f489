// Dispatcher: claims what will soon be due and has each execution sent at its time.
//
// Two threads: one claims in batches (storage answers in its own time), one fires what is due (never waits for storage).
// All public functions may be called from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "engine/background_loop.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/held_claims.hpp"
#include "engine/lease.hpp"
#include "engine/task_engine.hpp"
#include "identity/id_generator.hpp"

namespace punctual {

class Dispatcher {
 public:
  // `send` begins the delivery of one execution; called from many threads, must not block and must not throw.
  using Send = std::function<void(Claimed)>;

  // `on_unclear`: a claim may have been stored without anybody here knowing of it.
  Dispatcher(WorkStore& store, const Lease& lease, Clock& clock, Host& host, IdGenerator& ids, EngineMetrics& metrics,
             const EngineSettings& settings, HeldClaims& held, Send send, std::function<void()> on_unclear);

  void start();
  // Stops both threads. What waits in the wheel stays there.
  void stop();

  // Whether work that is due now may be claimed as it is inserted: there is no older work that waits for room.
  [[nodiscard]] bool keeps_up() const noexcept { return !behind_.load(std::memory_order_relaxed); }

  // There may be something to claim that is due at `due`.
  void wake(Time due) { claim_loop_.wake(due - ahead_ / 2); }

 private:
  Time claim_once();
  [[nodiscard]] Time after_claim(const ClaimResult& result, std::size_t asked, Time now);
  void fire();

  WorkStore& store_;
  const Lease& lease_;
  Clock& clock_;
  Host& host_;
  IdGenerator& ids_;
  EngineMetrics& metrics_;
  HeldClaims& held_;
  Send send_;
  std::function<void()> on_unclear_;
  std::size_t capacity_;
  std::size_t batch_;
  milliseconds ahead_;
  milliseconds poll_;
  std::atomic<bool> behind_{false};
  int failures_ = 0;  // of the claim loop, in a row
  int in_vain_ = 0;   // claims that brought nothing though something is due, in a row
  BackgroundLoop claim_loop_;
  std::thread firing_;
};

}  // namespace punctual
