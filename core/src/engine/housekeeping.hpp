// Housekeeping: work that is off every request's path: last use of keys, expired idempotency records, gauges; and, on a
// thread of its own because it may take its time, the upkeep of storage.
#pragma once

#include "engine/background_loop.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/held_claims.hpp"
#include "identity/key_cache.hpp"
#include "punctual/host.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class Housekeeping {
 public:
  Housekeeping(Maintenance& maintenance, KeyCache& keys, HeldClaims& held, Clock& clock, Host& host,
               EngineMetrics& metrics, milliseconds retention)
      : maintenance_(maintenance),
        keys_(keys),
        held_(held),
        clock_(clock),
        host_(host),
        metrics_(metrics),
        retention_(retention),
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

 private:
  Time tick();
  Time upkeep();

  Maintenance& maintenance_;
  KeyCache& keys_;
  HeldClaims& held_;
  Clock& clock_;
  Host& host_;
  EngineMetrics& metrics_;
  milliseconds retention_;
  Time next_expiry_;  // the epoch: at once
  BackgroundLoop loop_;
  BackgroundLoop upkeep_loop_;
};

}  // namespace punctual
