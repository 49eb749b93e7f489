// Metrics that core and plugins count in. Every function may be called from any thread; what a Metrics gives stays valid
// as long as the process lives. Names follow Prometheus (https://prometheus.io/docs/practices/naming/): punctual_…, base
// units (seconds, bytes), _total on counters. Labels never carry a tenant, a queue or a host.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace punctual {

class Counter {
 public:
  virtual void add(double amount = 1) noexcept = 0;

 protected:
  ~Counter() = default;
};

class Gauge {
 public:
  virtual void set(double value) noexcept = 0;
  virtual void add(double amount) noexcept = 0;

 protected:
  ~Gauge() = default;
};

class Histogram {
 public:
  virtual void observe(double value) noexcept = 0;

 protected:
  ~Histogram() = default;
};

class Metrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  // The same name and labels give the same metric again. The help text of the first call counts.
  virtual Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  // `bounds` are the upper bounds of the buckets, ascending, without +Inf.
  virtual Histogram& histogram(const std::string& name, const std::string& help, std::span<const double> bounds,
                               const Labels& labels = {}) = 0;

  // All metrics in the Prometheus text format 0.0.4.
  [[nodiscard]] virtual std::string text() const = 0;

 protected:
  ~Metrics() = default;
};

}  // namespace punctual
