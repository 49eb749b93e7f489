// LeaseKeeper: keeps this process's lease alive, takes a new one when it was lost, returns what dead nodes held to pending,
// and gives back claims that storage has under our lease but nobody here knows (after an ambiguous commit).
//
// How long something has lasted is measured by the monotonic clock: to set a clock, this machine's or the database's, makes nobody
// look dead.
//
// acquire and end are for the main thread. Of two threads of its own, one does nothing but renew the lease, so that no work
// for others makes this server late with its own heartbeat.
#pragma once

#include <atomic>

#include "engine/background_loop.hpp"
#include "engine/database_clock.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/held_claims.hpp"
#include "engine/lease.hpp"
#include "engine/task_engine.hpp"
#include "identity/id_generator.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class LeaseKeeper {
 public:
  // `on_returned`: executions have become pending again. `on_reconcile`: called whenever what is held here is compared with
  // what storage has under the lease; may throw what storage throws.
  LeaseKeeper(Leases& leases, WorkStore& store, Lease& lease, DatabaseClock& clock, Host& host, IdGenerator& ids,
              EngineMetrics& metrics, const EngineSettings& settings, HeldClaims& held,
              std::function<void()> on_returned, std::function<void()> on_reconcile);

  // Takes the first lease; passes on Conflict. Throws Error when this machine's clock is too far from the database's.
  void acquire();
  void start();
  // Claims may have been stored that nobody here knows: looks for them soon. Any thread.
  void suspect() { suspected_ = true; }
  void stop();
  // Returns what storage still has under the lease to pending and ends it. After stop(), when nothing is under way any more.
  void end() noexcept;

 private:
  Time renew();
  Time look_around();
  [[nodiscard]] Time a_heartbeat_after(MonotonicTime begun) const;
  void keep(MonotonicTime begun);
  void rescue();
  void reconcile();
  void compare_clocks();
  [[nodiscard]] std::vector<ClaimRef> unknown_claims();
  void give_back(const std::vector<ClaimRef>& claims);
  void suspend(const std::string& why);
  void resume(const char* why);

  Leases& leases_;
  WorkStore& store_;
  Lease& lease_;
  DatabaseClock& clock_;
  Host& host_;
  IdGenerator& ids_;
  EngineMetrics& metrics_;
  milliseconds heartbeat_;
  milliseconds node_timeout_;
  milliseconds silence_before_suspension_;
  milliseconds max_clock_offset_;
  HeldClaims& held_;
  std::function<void()> on_returned_;
  std::function<void()> on_reconcile_;
  MonotonicTime renewed_at_;                                   // the beginning of the last heartbeat that succeeded
  std::atomic<MonotonicTime> healthy_since_{MonotonicTime{}};  // heartbeats have succeeded without a gap since
  std::atomic<bool> suspended_{false};
  std::atomic<bool> suspected_{false};
  MonotonicTime next_reconcile_;
  std::vector<ClaimRef> unknown_;  // at the last reconciliation: unknown twice in a row is given back
  BackgroundLoop renewing_;
  BackgroundLoop looking_around_;
};

}  // namespace punctual
