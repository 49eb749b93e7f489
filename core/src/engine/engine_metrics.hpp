// The engine's metrics, made once at start.
#pragma once

#include <array>

#include "punctual/metrics.hpp"
#include "punctual/model.hpp"

namespace punctual {

struct EngineMetrics {
  explicit EngineMetrics(Metrics& metrics);

  // How many executions ended with a status.
  [[nodiscard]] Counter& ended(ExecutionStatus status) { return *ended_[static_cast<std::size_t>(status)]; }

  Histogram& intake_batch;
  Histogram& claim_batch;
  Histogram& claim_seconds;
  Histogram& settle_batch;
  Histogram& settle_seconds;
  Histogram& lateness_seconds;
  Histogram& delivery_seconds;
  Counter& claimed_at_insert;
  Counter& claimed_ahead;
  Counter& retries;
  Counter& stale_settlements;
  Counter& rescued;
  Counter& released;
  Counter& cron_runs;
  Counter& cron_disabled;
  Counter& storage_errors;
  Counter& heartbeats;
  Counter& circuits_opened;
  Gauge& waiting;
  Gauge& sending;
  Gauge& settle_queue;
  Gauge& clock_offset_seconds;
  Gauge& hosts_failing;
  Gauge& hosts_asked;
  Gauge& held_executions;

 private:
  std::array<Counter*, 7> ended_{};
};

}  // namespace punctual
