// P9: as many deliveries under way at once as a server takes, to a target that answers after 5 s: its memory, and how the
// API answers meanwhile.
#include <numeric>

#include "scenarios/scenarios.hpp"

namespace punctual::bench {

void measure_in_flight(const Stage& stage) {
  const std::uint32_t count = stage.size(10'000, 300);
  const milliseconds answer_after = stage.time(seconds{5});
  // One organisation alone never fills a server: a tenth is kept for others.
  Deployment deployment = stage.deploy({"engine.max_in_flight=" + std::to_string(count + count / 5)});
  const std::string query = "?delay=" + std::to_string(answer_after.count());
  deployment.fill_due(deployment.key(), {.count = count, .query = query}, std::string(1024, 'x'));
  deployment.start_server();
  const CpuMeter meter = deployment.meter();
  auto requests =
      deployment.requests({.immediate = 0, .delayed = 50, .timed = 0, .list = 50, .ahead = milliseconds{0}});
  const LoadReport api = deployment.run(requests, {.rate = 100, .duration = answer_after});
  const bool stored = deployment.wait_for_results(count, seconds{90});
  const CpuSeconds cpu = meter.used();
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  const Deliveries deliveries = deployment.target().wait_for(numbers, 0, count, seconds{1});
  const std::string name = "P9 " + std::to_string(count) + " in flight: ";
  stage.say(name + cpu.text());
  stage.figure(name + "most at once", static_cast<double>(deployment.target().report().most_waiting), "",
               Goal{Bound::at_least, static_cast<double>(count)});
  stage.figure(name + "results not stored", stored ? 0 : 1, "", none_at_all);
  stage.figure(name + "lost", static_cast<double>(deliveries.lost), "", none_at_all);
  stage.figure(name + "repeated", static_cast<double>(deliveries.repeated), "", none_at_all);
  stage.figure(name + "most memory of the server", static_cast<double>(deployment.server().status("VmHWM")) / 1024,
               "MiB", Goal{Bound::at_most, 400});
  stage.figure(name + "API p95 meanwhile", api.latency.percentile_ms(95), "ms", Goal{Bound::at_most, 50});
  stage.figure(name + "API errors meanwhile", static_cast<double>(api.errors), "", Goal{Bound::exactly, 0});
  stage.cpu("in flight", cpu, count);
}

}  // namespace punctual::bench
