#include "frontend/front_metrics.hpp"

#include <algorithm>
#include <string>

namespace punctual {

namespace {

// What is not one of these counts as "other": labels must not be made by clients.
constexpr std::array<std::string_view, 8> methods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other"};
constexpr std::array<std::string_view, 4> classes{"2xx", "3xx", "4xx", "5xx"};
constexpr std::array<double, 14> bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

Counter& limited(Metrics& metrics, std::string_view limit) {
  return metrics.counter("punctual_http_requests_limited_total", "Requests answered 429, by limit",
                         {{"limit", std::string(limit)}});
}

}  // namespace

FrontMetrics::FrontMetrics(Metrics& metrics, std::span<const std::string_view> templates)
    : malformed(
          metrics.counter("punctual_http_malformed_requests_total", "Requests that were not HTTP or came too late")),
      connections_refused(metrics.counter("punctual_http_connections_refused_total",
                                          "Connections answered 503 because there were too many")),
      idle_connections_ended(metrics.counter("punctual_http_idle_connections_ended_total",
                                             "Idle connections ended to make room for new ones")),
      requests_refused(
          metrics.counter("punctual_http_requests_refused_total",
                          "Requests answered 503 because too many were being handled, or they had waited too long")),
      limited_by_address(limited(metrics, "address")),
      limited_by_key(limited(metrics, "key")),
      limited_sign_ins(limited(metrics, "sign_in")),
      internal_errors(metrics.counter("punctual_http_internal_errors_total", "Requests answered 500")),
      metrics_(metrics),
      threads_(metrics.gauge("punctual_http_threads", "Threads that serve requests")),
      threads_busy_(metrics.gauge("punctual_http_threads_busy", "Threads that handle a request")),
      requests_queued_(metrics.gauge("punctual_http_requests_queued", "Requests that wait for a thread")),
      connections_open_(metrics.gauge("punctual_http_connections_open", "Connections of clients")),
      last_(templates.size()),
      routes_(std::make_unique<PerRoute[]>(templates.size() + 1)) {
  for (std::size_t i = 0; i < last_; ++i) routes_[i].path = templates[i];
  routes_[last_].path = "none";
}

void FrontMetrics::request(std::size_t route, std::string_view method, int status, double seconds) {
  auto& entry = routes_[std::min(route, last_)];
  const auto known = static_cast<std::size_t>(std::find(methods.begin(), methods.end() - 1, method) - methods.begin());
  const auto status_class = static_cast<std::size_t>(std::clamp(status / 100 - 2, 0, 3));
  // Two threads may look the same series up at once: they get the same one.
  auto& slot = entry.requests[known][status_class];
  auto* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &metrics_.counter("punctual_http_requests_total", "Requests answered",
                                {{"method", std::string(methods[known])},
                                 {"route", std::string(entry.path)},
                                 {"status", std::string(classes[status_class])}});
    slot.store(counter, std::memory_order_release);
  }
  counter->add();
  auto* duration = entry.duration.load(std::memory_order_acquire);
  if (duration == nullptr) {
    duration = &metrics_.histogram("punctual_http_request_duration_seconds", "Time from a request's head to its answer",
                                   bounds, {{"route", std::string(entry.path)}});
    entry.duration.store(duration, std::memory_order_release);
  }
  duration->observe(seconds);
}

void FrontMetrics::show(const ServerLoad& load) {
  threads_.set(static_cast<double>(load.threads));
  threads_busy_.set(static_cast<double>(load.threads_busy));
  requests_queued_.set(static_cast<double>(load.requests_queued));
  connections_open_.set(static_cast<double>(load.connections_open));
}

}  // namespace punctual
