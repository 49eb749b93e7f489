// A Host for tests: keeps log lines and metrics in memory. Every function may be called from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "punctual/host.hpp"

namespace punctual::testing {

class FakeMetrics final : public Metrics {
 public:
  Counter& counter(const std::string& name, const std::string&, const Labels& labels) override {
    return series<FakeCounter>(counters_, name, labels);
  }
  Gauge& gauge(const std::string& name, const std::string&, const Labels& labels) override {
    return series<FakeGauge>(gauges_, name, labels);
  }
  Histogram& histogram(const std::string& name, const std::string&, std::span<const double>,
                       const Labels& labels) override {
    return series<FakeHistogram>(histograms_, name, labels);
  }
  [[nodiscard]] std::string text() const override {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const auto& [name, counter] : counters_) out += name + " " + std::to_string(counter->value.load()) + "\n";
    for (const auto& [name, gauge] : gauges_) out += name + " " + std::to_string(gauge->value.load()) + "\n";
    return out;
  }
  // 0 for what was never counted. `series`: name{label=value,…}.
  [[nodiscard]] double count(const std::string& series_name) const {
    const std::lock_guard lock(mutex_);
    const auto found = counters_.find(series_name);
    return found == counters_.end() ? 0 : found->second->value.load();
  }

 private:
  struct FakeCounter final : Counter {
    void add(double amount) noexcept override { value.fetch_add(amount); }
    std::atomic<double> value{0};
  };
  struct FakeGauge final : Gauge {
    void set(double now) noexcept override { value = now; }
    void add(double amount) noexcept override { value.fetch_add(amount); }
    std::atomic<double> value{0};
  };
  struct FakeHistogram final : Histogram {
    void observe(double) noexcept override {}
  };

  template <class T, class Map>
  T& series(Map& map, const std::string& name, const Labels& labels) {
    std::string key = name;
    char before = '{';
    for (const auto& [label, value] : labels) {
      key += before + label + "=" + value;
      before = ',';
    }
    if (!labels.empty()) key += '}';
    const std::lock_guard lock(mutex_);
    auto& slot = map[key];
    if (!slot) slot = std::make_unique<T>();
    return *slot;
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<FakeCounter>> counters_;
  std::map<std::string, std::unique_ptr<FakeGauge>> gauges_;
  std::map<std::string, std::unique_ptr<FakeHistogram>> histograms_;
};

class FakeHost final : public Host {
 public:
  void log(LogLevel, std::string_view text) noexcept override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(text);
  }
  [[nodiscard]] FakeMetrics& metrics() noexcept override { return metrics_; }
  [[nodiscard]] Time now() const noexcept override {
    return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  FakeMetrics metrics_;
};

}  // namespace punctual::testing
