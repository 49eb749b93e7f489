// The process's metrics, on prometheus-cpp. Threading and lifetime as Metrics promises; what it gives lives as long as the
// registry.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "punctual/metrics.hpp"

namespace punctual {

class MetricsRegistry final : public Metrics {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // All three throw std::logic_error for a name that already names another kind of metric, and std::invalid_argument for a
  // name or label that Prometheus does not allow. A histogram that exists keeps its bounds.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {}) override;
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {}) override;
  Histogram& histogram(const std::string& name, const std::string& help, std::span<const double> bounds,
                       const Labels& labels = {}) override;

  [[nodiscard]] std::string text() const override;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace punctual
