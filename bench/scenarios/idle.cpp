// P11: what a server costs that has nothing to do, and how soon it is ready.
#include <algorithm>
#include <thread>

#include "scenarios/scenarios.hpp"

namespace punctual::bench {

void measure_idle(const Stage& stage) {
  Deployment deployment = stage.deploy();
  std::vector<double> starts;
  for (int i = 0; i < stage.sized(5, 1); ++i) {
    deployment.stop_server();
    deployment.start_server();
    starts.push_back(static_cast<double>(deployment.server().start_to_ready().count()));
  }
  std::sort(starts.begin(), starts.end());
  std::this_thread::sleep_for(stage.sized(seconds{3}, seconds{0}));
  const CpuMeter meter = deployment.meter();
  std::this_thread::sleep_for(stage.time(seconds{20}));
  const CpuSeconds cpu = meter.used();
  stage.figure("P11 start to ready", starts.at(starts.size() / 2), "ms", Goal{Bound::at_most, 300});
  stage.figure("P11 idle: memory", deployment.server().resident_mib(), "MiB", Goal{Bound::at_most, 40});
  stage.figure("P11 idle: CPU", cpu.server * 100 / cpu.wall, "%", Goal{Bound::at_most, 0.5});
  stage.figure("P11 idle: threads", static_cast<double>(deployment.server().status("Threads")), "");
  if (deployment.store().postgres() != nullptr) {
    stage.figure("P11 idle: CPU of Postgres", cpu.postgres * 100 / cpu.wall, "%");
  }
}

}  // namespace punctual::bench
