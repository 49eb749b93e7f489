// Housekeeping: work that is off every request's path: last use of keys, expired idempotency records and audit entries,
// secrets whose rotation has ended, notices that were given up, what is to be told of quotas and of queues that stand still,
// gauges; and, on a thread of its own because it may take its
// time, the upkeep of storage.
#pragma once

#include <atomic>

#include "engine/background_loop.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/held_claims.hpp"
#include "engine/task_engine.hpp"
#include "identity/key_cache.hpp"
#include "punctual/channels.hpp"
#include "punctual/host.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class Housekeeping {
 public:
  Housekeeping(Storage& storage, KeyCache& keys, HeldClaims& held, Clock& clock, Host& host, EngineMetrics& metrics,
               const EngineSettings& settings)
      : storage_(storage),
        keys_(keys),
        held_(held),
        clock_(clock),
        host_(host),
        metrics_(metrics),
        retention_(settings.retention),
        audit_retention_(settings.audit_retention),
        dead_notice_retention_(settings.dead_notice_retention),
        queue_patience_(settings.queue_patience),
        longest_retention_(settings.retention),
        loop_(clock, [this] { return tick(); }),
        upkeep_loop_(clock, [this] { return upkeep(); }) {}

  void start() {
    loop_.start();
    upkeep_loop_.start();
  }
  void stop() {
    loop_.stop();
    upkeep_loop_.stop();
  }

  // Of any organisation, the server's own included: as it was a minute ago at most. Any thread.
  [[nodiscard]] milliseconds longest_retention() const noexcept { return longest_retention_.load(); }

 private:
  Time tick();
  // False: there is more to remove.
  [[nodiscard]] bool expire(Time now);
  void tell_of_quotas(Time now);
  void tell_of_stalled_queues(Time now);
  Time upkeep();

  Storage& storage_;
  KeyCache& keys_;
  HeldClaims& held_;
  Clock& clock_;
  Host& host_;
  EngineMetrics& metrics_;
  milliseconds retention_;
  milliseconds audit_retention_;
  milliseconds dead_notice_retention_;
  seconds queue_patience_;
  std::atomic<milliseconds> longest_retention_;
  Time next_expiry_;  // the epoch: at once
  Time next_notices_;
  Time next_stalled_;
  BackgroundLoop loop_;
  BackgroundLoop upkeep_loop_;
};

}  // namespace punctual
