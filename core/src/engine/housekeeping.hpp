// Housekeeping: small work that is off every request's path: last use of keys, expired idempotency records, gauges.
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
               EngineMetrics& metrics)
      : maintenance_(maintenance),
        keys_(keys),
        held_(held),
        clock_(clock),
        host_(host),
        metrics_(metrics),
        loop_(clock, [this] { return tick(); }) {}

  void start() { loop_.start(); }
  void stop() { loop_.stop(); }

 private:
  Time tick();

  Maintenance& maintenance_;
  KeyCache& keys_;
  HeldClaims& held_;
  Clock& clock_;
  Host& host_;
  EngineMetrics& metrics_;
  Time next_expiry_;  // the epoch: at once
  BackgroundLoop loop_;
};

}  // namespace punctual
