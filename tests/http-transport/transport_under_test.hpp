// An HttpTransport with a host of its own, and completions that a test can wait for.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "punctual/host.hpp"
#include "transport/http_transport.hpp"

namespace punctual::testing {

// Counts what is counted under "name" or "name{value of the first label}".
class CountingMetrics final : public Metrics {
 public:
  class Value final : public Counter, public Gauge, public Histogram {
   public:
    void add(double amount) noexcept override {
      change([&](double& value) { value += amount; });
    }
    void set(double amount) noexcept override {
      change([&](double& value) { value = amount; });
    }
    void observe(double) noexcept override {
      change([](double& value) { value += 1; });
    }
    [[nodiscard]] double get() {
      const std::lock_guard lock(mutex_);
      return value_;
    }

   private:
    template <class Change>
    void change(Change apply) {
      const std::lock_guard lock(mutex_);
      apply(value_);
    }
    std::mutex mutex_;
    double value_ = 0;
  };

  Counter& counter(const std::string& name, const std::string&, const Labels& labels) override {
    return of(name, labels);
  }
  Gauge& gauge(const std::string& name, const std::string&, const Labels& labels) override { return of(name, labels); }
  Histogram& histogram(const std::string& name, const std::string&, std::span<const double>,
                       const Labels& labels) override {
    return of(name, labels);
  }
  [[nodiscard]] std::string text() const override { return {}; }
  [[nodiscard]] double get(const std::string& key) { return values_[key].get(); }

 private:
  Value& of(const std::string& name, const Labels& labels) {
    return values_[labels.empty() ? name : name + "{" + labels.front().second + "}"];
  }
  std::map<std::string, Value> values_;
};

class PlainHost final : public Host {
 public:
  void log(LogLevel, std::string_view) noexcept override {}
  Metrics& metrics() noexcept override { return counts; }
  Time now() const noexcept override { return std::chrono::floor<microseconds>(std::chrono::system_clock::now()); }

  CountingMetrics counts;
};

using Overrides = std::map<std::string, boost::json::value>;

// What the host would hand to create(): every declared setting, the private networks open (the target is on loopback).
[[nodiscard]] inline std::string settings_json(const Overrides& overrides = {}) {
  boost::json::object json{
      {"delivery.threads", 2},
      {"delivery.allow_private_networks", true},
      {"delivery.allow_cidrs", boost::json::array()},
      {"delivery.follow_redirects", 0},
      {"delivery.connect_timeout", 10000},
      {"delivery.max_response_bytes", 262144},
      {"delivery.max_connections", 2000},
      {"delivery.ca_file", ""},
  };
  for (const auto& [name, value] : overrides) json[name] = value;
  return boost::json::serialize(json);
}

// Collects completions. Any thread.
class Outcomes {
 public:
  [[nodiscard]] DeliveryCompletion completion() {
    return [this](DeliveryOutcome&& outcome) {
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(std::move(outcome));
      arrived_.notify_all();
    };
  }
  [[nodiscard]] bool wait_for(std::size_t count, milliseconds limit = seconds{20}) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, limit, [&] { return outcomes_.size() >= count; });
  }
  [[nodiscard]] std::vector<DeliveryOutcome> all() {
    const std::lock_guard lock(mutex_);
    return outcomes_;
  }
  [[nodiscard]] std::size_t count(DeliveryResult result) {
    std::size_t out = 0;
    for (const auto& outcome : all()) out += outcome.result == result ? 1 : 0;
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<DeliveryOutcome> outcomes_;
};

[[nodiscard]] inline ExecutionId execution_id(std::uint32_t number) {
  ExecutionId id;
  std::memcpy(id.value.bytes.data() + 12, &number, sizeof number);
  return id;
}

[[nodiscard]] inline Delivery delivery_to(std::string url) {
  Delivery out;
  out.id = execution_id(1);
  out.url = std::move(url);
  out.timeout = seconds{10};
  return out;
}

// No name may have a part of 64 bytes (RFC 1035, 2.3.4): every resolver knows without asking anybody that it has no address.
[[nodiscard]] inline std::string url_without_address() { return "http://" + std::string(64, 'n') + ".invalid/"; }

class TransportUnderTest {
 public:
  explicit TransportUnderTest(const Overrides& overrides = {}) : transport(Settings(settings_json(overrides)), host) {}
  ~TransportUnderTest() { transport.drain(milliseconds{0}); }

  [[nodiscard]] DeliveryOutcome send(Delivery delivery) {
    Outcomes outcomes;
    transport.start(std::move(delivery), outcomes.completion());
    if (!outcomes.wait_for(1)) throw std::runtime_error("a delivery did not end");
    return outcomes.all().front();
  }
  [[nodiscard]] DeliveryOutcome send(const std::string& url) { return send(delivery_to(url)); }

  PlainHost host;
  HttpTransport transport;
};

}  // namespace punctual::testing

namespace Catch {
template <>
struct StringMaker<punctual::DeliveryResult> {
  static std::string convert(punctual::DeliveryResult result) {
    constexpr const char* names[] = {"responded", "timed_out", "transport_error", "blocked", "cancelled"};
    return names[static_cast<std::size_t>(result)];
  }
};
}  // namespace Catch
