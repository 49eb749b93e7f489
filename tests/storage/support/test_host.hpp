// A host for a plugin under test: logs nothing, counts nothing but what histograms observe. Any thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "punctual/host.hpp"

namespace punctual::testing {

class TestHost final : public Host, private Metrics {
 public:
  void log(LogLevel, std::string_view) noexcept override {}
  [[nodiscard]] Metrics& metrics() noexcept override { return *this; }
  [[nodiscard]] Time now() const noexcept override {
    return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  }

  // What the histogram of this name was given, in order.
  [[nodiscard]] std::vector<double> observed(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = histograms_.find(name);
    return found == histograms_.end() ? std::vector<double>{} : found->second->values();
  }

 private:
  class Nothing final : public Counter, public Gauge {
   public:
    void add(double) noexcept override {}
    void set(double) noexcept override {}
  };
  class Recorded final : public Histogram {
   public:
    void observe(double value) noexcept override {
      const std::lock_guard lock(mutex_);
      values_.push_back(value);
    }
    [[nodiscard]] std::vector<double> values() {
      const std::lock_guard lock(mutex_);
      return values_;
    }

   private:
    std::mutex mutex_;
    std::vector<double> values_;
  };

  Counter& counter(const std::string&, const std::string&, const Labels&) override { return nothing_; }
  Gauge& gauge(const std::string&, const std::string&, const Labels&) override { return nothing_; }
  Histogram& histogram(const std::string& name, const std::string&, std::span<const double>, const Labels&) override {
    const std::lock_guard lock(mutex_);
    auto& found = histograms_[name];
    if (!found) found = std::make_unique<Recorded>();
    return *found;
  }
  [[nodiscard]] std::string text() const override { return {}; }

  Nothing nothing_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Recorded>> histograms_;
};

}  // namespace punctual::testing
