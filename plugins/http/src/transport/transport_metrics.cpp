#include "transport/transport_metrics.hpp"

#include <chrono>

namespace punctual {
namespace {

constexpr double duration_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                      1,     2.5,    5,     10,   30,    60,   120, 300};

Counter& finished_counter(Metrics& metrics, const char* result) {
  return metrics.counter("punctual_http_deliveries_finished_total", "Outgoing HTTP requests that ended, by result",
                         {{"result", result}});
}

Counter& connection_counter(Metrics& metrics, const char* kind) {
  return metrics.counter("punctual_http_delivery_connections_total",
                         "Connections that outgoing HTTP requests went over: opened for it, or used again",
                         {{"kind", kind}});
}

}  // namespace

TransportMetrics::TransportMetrics(Metrics& metrics)
    : started_(metrics.counter("punctual_http_deliveries_started_total", "Outgoing HTTP requests taken on")),
      in_flight_(metrics.gauge("punctual_http_deliveries_in_flight", "Outgoing HTTP requests that have not ended")),
      finished_{&finished_counter(metrics, "responded"), &finished_counter(metrics, "timed_out"),
                &finished_counter(metrics, "transport_error"), &finished_counter(metrics, "blocked"),
                &finished_counter(metrics, "cancelled")},
      duration_(metrics.histogram("punctual_http_delivery_duration_seconds",
                                  "Time from sending an HTTP request to its end", duration_bounds)),
      connections_opened_(connection_counter(metrics, "opened")),
      connections_reused_(connection_counter(metrics, "reused")) {}

void TransportMetrics::finished(const DeliveryOutcome& outcome) noexcept {
  in_flight_.add(-1);
  finished_[static_cast<std::size_t>(outcome.result)]->add();
  if (outcome.sent_at) duration_.observe(std::chrono::duration<double>(outcome.duration).count());
}

}  // namespace punctual
