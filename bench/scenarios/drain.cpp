// P4: a server starts on a store full of due tasks. Counted from the first arrival until the last result is stored.
#include <numeric>

#include "published.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

void measure_drain(const Stage& stage) {
  const std::uint32_t count = stage.size(50'000, 1'000);
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  deployment.fill_due(deployment.key(), {.count = count}, R"({"order":1234,"event":"order.paid"})");
  deployment.start_server();
  const CpuMeter meter = deployment.meter();
  const bool stored = deployment.wait_for_results(count, seconds{300});
  const Time end = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  const CpuSeconds cpu = meter.used();
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  const Deliveries deliveries = deployment.target().wait_for(numbers, 0, count, seconds{5});
  const TargetReport report = deployment.target().report();
  const double took = std::chrono::duration<double>(end - report.first).count();
  stage.say("drain: " + std::to_string(report.distinct) + " in " + formatted(took) + " s; " + cpu.text());
  stage.figure("P4 drain of " + std::to_string(count) + " stored tasks", stored ? count / took : 0, "/s", std::nullopt,
               peers_drain);
  stage.figure("P4 drain: lost", static_cast<double>(deliveries.lost), "", none_at_all);
  stage.figure("P4 drain: repeated", static_cast<double>(deliveries.repeated), "", none_at_all);
  stage.cpu("drain", cpu, count);
}

}  // namespace punctual::bench
