#include "host/metrics_registry.hpp"

#include <array>
#include <stdexcept>
#include <thread>

#include "host_fixtures.hpp"

namespace punctual {
namespace {

constexpr std::array<double, 2> bounds{0.1, 1};

bool has_line(const MetricsRegistry& registry, const std::string& line) {
  std::istringstream lines(registry.text());
  for (std::string found; std::getline(lines, found);) {
    if (found == line) return true;
  }
  return false;
}

TEST_CASE("a counter is written with its help, type and value") {
  MetricsRegistry registry;
  registry.counter("punctual_tasks_total", "Tasks taken.").add();
  registry.counter("punctual_tasks_total", "Tasks taken.").add(2);
  CHECK(registry.text() ==
        "# HELP punctual_tasks_total Tasks taken.\n# TYPE punctual_tasks_total counter\npunctual_tasks_total 3\n");
}

TEST_CASE("a gauge goes up and down") {
  MetricsRegistry registry;
  auto& gauge = registry.gauge("punctual_in_flight", "Now.");
  gauge.set(5);
  gauge.add(-2);
  CHECK(has_line(registry, "punctual_in_flight 3"));
}

TEST_CASE("a histogram counts into its buckets") {
  MetricsRegistry registry;
  auto& histogram = registry.histogram("punctual_wait_seconds", "Waits.", bounds);
  histogram.observe(0.05);
  histogram.observe(0.5);
  histogram.observe(5);
  CHECK(has_line(registry, "punctual_wait_seconds_bucket{le=\"0.1\"} 1"));
  CHECK(has_line(registry, "punctual_wait_seconds_bucket{le=\"1\"} 2"));
  CHECK(has_line(registry, "punctual_wait_seconds_bucket{le=\"+Inf\"} 3"));
  CHECK(has_line(registry, "punctual_wait_seconds_count 3"));
}

TEST_CASE("labels make metrics of one family") {
  MetricsRegistry registry;
  registry.counter("punctual_requests_total", "Requests.", {{"status", "200"}}).add(2);
  registry.counter("punctual_requests_total", "Requests.", {{"status", "404"}}).add();
  CHECK(has_line(registry, "punctual_requests_total{status=\"200\"} 2"));
  CHECK(has_line(registry, "punctual_requests_total{status=\"404\"} 1"));
}

TEST_CASE("the same name and labels give the same metric, in whatever order the labels are") {
  MetricsRegistry registry;
  auto& first = registry.counter("a_total", "A.", {{"x", "1"}, {"y", "2"}});
  CHECK(&first == &registry.counter("a_total", "Other words.", {{"y", "2"}, {"x", "1"}}));
  CHECK(&first != &registry.counter("a_total", "A.", {{"x", "1"}}));
  CHECK(&registry.gauge("b", "B.") == &registry.gauge("b", "B."));
  CHECK(&registry.histogram("c", "C.", bounds) == &registry.histogram("c", "C.", {}));
}

TEST_CASE("a name cannot name two kinds of metric") {
  MetricsRegistry registry;
  registry.counter("a_total", "A.");
  CHECK_THROWS_AS(registry.gauge("a_total", "A."), std::logic_error);
  CHECK_THROWS_AS(registry.histogram("a_total", "A.", bounds), std::logic_error);
}

TEST_CASE("a name that Prometheus does not allow is refused") {
  MetricsRegistry registry;
  CHECK_THROWS_AS(registry.counter("not a name", "A."), std::invalid_argument);
}

TEST_CASE("a label that Prometheus does not allow is refused, and again the next time") {
  MetricsRegistry registry;
  CHECK_THROWS_AS(registry.counter("a_total", "A.", {{"not a label", "1"}}), std::invalid_argument);
  CHECK_THROWS_AS(registry.counter("a_total", "A.", {{"not a label", "1"}}), std::invalid_argument);
}

TEST_CASE("metrics are obtained and counted from many threads while they are read") {
  MetricsRegistry registry;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&registry] {
      for (int j = 0; j < 500; ++j) {
        registry.counter("a_total", "A.", {{"n", std::to_string(j % 10)}}).add();
        if (j % 100 == 0) static_cast<void>(registry.text());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(has_line(registry, "a_total{n=\"7\"} 200"));
}

}  // namespace
}  // namespace punctual
