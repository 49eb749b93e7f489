// P5: tasks that are due at once: the highest rate at which the server accepts, delivers and settles them for as long as
// they come, all results stored within a second of the last request.
#include "published.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

void measure_sustained(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  std::vector<Step> steps;
  double highest = highest_rate(stage, stage.sized(1000.0, 200.0), [&](double rate) {
    return keeps_up(stage, deployment, rate, stage.time(seconds{10}), steps);
  });
  // What holds for some seconds must hold for long.
  while (!stage.brief() && highest > 100 && !keeps_up(stage, deployment, highest, stage.time(seconds{60}), steps))
    highest *= 0.95;
  stage.figure("P5 create, deliver and settle, sustained", highest, "tasks/s", Goal{Bound::at_least, 4000},
               seed_deliveries);
  const Step& last = steps.back();
  stage.figure("P5 sustained: API p95 at that rate", last.load.latency.percentile_ms(95), "ms");
  add_soundness(stage, "P5 sustained", steps);
  stage.cpu("sustained", last.cpu, static_cast<double>(last.load.due));
}

}  // namespace punctual::bench
