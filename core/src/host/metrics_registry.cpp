#include "host/metrics_registry.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <stdexcept>
#include <variant>

#include "engine/guarded.hpp"

namespace punctual {
namespace {

class RegisteredCounter final : public Counter {
 public:
  using Metric = prometheus::Counter;
  explicit RegisteredCounter(Metric& metric) : metric_(metric) {}
  void add(double amount) noexcept override { metric_.Increment(amount); }

 private:
  Metric& metric_;
};

class RegisteredGauge final : public Gauge {
 public:
  using Metric = prometheus::Gauge;
  explicit RegisteredGauge(Metric& metric) : metric_(metric) {}
  void set(double value) noexcept override { metric_.Set(value); }
  void add(double amount) noexcept override { metric_.Increment(amount); }

 private:
  Metric& metric_;
};

class RegisteredHistogram final : public Histogram {
 public:
  using Metric = prometheus::Histogram;
  explicit RegisteredHistogram(Metric& metric) : metric_(metric) {}
  void observe(double value) noexcept override { metric_.Observe(value); }

 private:
  Metric& metric_;
};

// All metrics of one name.
template <class Registered>
struct Family {
  prometheus::Family<typename Registered::Metric>* collected = nullptr;
  std::map<prometheus::Labels, std::unique_ptr<Registered>> by_labels;
};

using AnyFamily = std::variant<Family<RegisteredCounter>, Family<RegisteredGauge>, Family<RegisteredHistogram>>;

template <class Registered>
struct BuilderOf;
template <>
struct BuilderOf<RegisteredCounter> {
  static auto make() { return prometheus::BuildCounter(); }
};
template <>
struct BuilderOf<RegisteredGauge> {
  static auto make() { return prometheus::BuildGauge(); }
};
template <>
struct BuilderOf<RegisteredHistogram> {
  static auto make() { return prometheus::BuildHistogram(); }
};

}  // namespace

struct MetricsRegistry::Families {
  prometheus::Registry registry;
  Guarded<std::map<std::string, AnyFamily>> by_name;

  // `arguments` are what prometheus-cpp needs besides the labels to make the metric.
  template <class Registered, class... Arguments>
  Registered& obtain(const std::string& name, const std::string& help, const Labels& labels,
                     const Arguments&... arguments) {
    const prometheus::Labels key(labels.begin(), labels.end());
    const auto families = by_name.lock();
    auto found = families->find(name);
    if (found == families->end()) {
      auto& collected = BuilderOf<Registered>::make().Name(name).Help(help).Register(registry);
      found = families->emplace(name, Family<Registered>{&collected, {}}).first;
    }
    auto* family = std::get_if<Family<Registered>>(&found->second);
    if (family == nullptr) throw std::logic_error("metric '" + name + "' is of another kind already");
    auto& metric = family->by_labels[key];
    if (!metric) metric = std::make_unique<Registered>(family->collected->Add(key, arguments...));
    return *metric;
  }
};

MetricsRegistry::MetricsRegistry() : families_(std::make_unique<Families>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter& MetricsRegistry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return families_->obtain<RegisteredCounter>(name, help, labels);
}

Gauge& MetricsRegistry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return families_->obtain<RegisteredGauge>(name, help, labels);
}

Histogram& MetricsRegistry::histogram(const std::string& name, const std::string& help, std::span<const double> bounds,
                                      const Labels& labels) {
  return families_->obtain<RegisteredHistogram>(name, help, labels,
                                                prometheus::Histogram::BucketBoundaries(bounds.begin(), bounds.end()));
}

std::string MetricsRegistry::text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace punctual
