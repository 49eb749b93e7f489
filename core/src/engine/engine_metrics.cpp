#include "engine/engine_metrics.hpp"

namespace punctual {
namespace {

constexpr std::array<double, 10> batch_sizes{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
constexpr std::array<double, 14> latencies{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30, 300};

}  // namespace

EngineMetrics::EngineMetrics(Metrics& m)
    : intake_batch(m.histogram("punctual_intake_batch_size", "Requests that shared one commit", batch_sizes)),
      claim_batch(m.histogram("punctual_claim_batch_size", "Executions that one claim brought", batch_sizes)),
      claim_seconds(m.histogram("punctual_claim_seconds", "Duration of a claim", latencies)),
      settle_batch(m.histogram("punctual_settle_batch_size", "Results stored in one commit", batch_sizes)),
      settle_seconds(m.histogram("punctual_settle_seconds", "Duration of storing a batch of results", latencies)),
      lateness_seconds(
          m.histogram("punctual_lateness_seconds", "From the due time to the sending of a request", latencies)),
      delivery_seconds(m.histogram("punctual_delivery_seconds", "From the sending of a request to its end", latencies)),
      claimed_at_insert(m.counter("punctual_claims_total", "Executions claimed", {{"how", "at_insert"}})),
      claimed_ahead(m.counter("punctual_claims_total", "Executions claimed", {{"how", "ahead"}})),
      retries(m.counter("punctual_retries_total", "Attempts scheduled after a failed one")),
      stale_settlements(m.counter("punctual_stale_settlements_total", "Results not stored because the claim was lost")),
      rescued(m.counter("punctual_rescued_executions_total", "Executions returned to pending from a dead server")),
      released(m.counter("punctual_released_executions_total", "Claims given back unsent")),
      cron_runs(m.counter("punctual_cron_runs_total", "Executions made from cron schedules")),
      cron_disabled(m.counter("punctual_cron_disabled_total", "Cron tasks disabled because of a bad schedule")),
      storage_errors(
          m.counter("punctual_engine_storage_errors_total", "Storage calls of the engine's threads that failed")),
      heartbeats(m.counter("punctual_heartbeats_total", "Renewals of this server's lease that storage has answered")),
      circuits_opened(m.counter("punctual_host_circuits_opened_total",
                                "Circuits of hosts that this server has opened, or kept open after a trial")),
      waiting(m.gauge("punctual_due_wheel_size", "Claimed executions that wait for their time in memory")),
      sending(m.gauge("punctual_in_flight", "Executions under way on this server")),
      settle_queue(m.gauge("punctual_settle_queue_size", "Results that wait to be stored")),
      clock_offset_seconds(m.gauge("punctual_clock_offset_seconds", "How far the database's clock is ahead of ours")),
      hosts_failing(
          m.gauge("punctual_hosts_closed", "Hosts that nothing is sent to, of all servers", {{"why", "failing"}})),
      hosts_asked(
          m.gauge("punctual_hosts_closed", "Hosts that nothing is sent to, of all servers", {{"why", "asked"}})),
      held_executions(m.gauge("punctual_held_executions",
                              "Executions that wait for their host, of all servers; counted every ten seconds")) {
  for (std::size_t i = 0; i < ended_.size(); ++i) {
    ended_[i] = &m.counter("punctual_executions_total", "Executions that ended, by status",
                           {{"status", std::string(name_of(static_cast<ExecutionStatus>(i)))}});
  }
}

}  // namespace punctual
