// P8: the highest rate of P5 without and then with a transaction open that has read both tables, so that nothing that is
// over can be vacuumed: dead index entries pile up where claims and results look.
#include <optional>

#include "postgres_store.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

void measure_pinned(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  std::vector<Step> steps;
  const milliseconds step_time = stage.time(seconds{10});
  const double start = stage.sized(1000.0, 200.0);
  const auto highest = [&](double from) {
    return highest_rate(stage, from, [&](double rate) { return keeps_up(stage, deployment, rate, step_time, steps); });
  };
  const double without = highest(start);

  auto session = deployment.store().postgres()->connect();
  session.execute(
      "begin isolation level repeatable read; select count(*) from punctual.tasks; select count(*) from "
      "punctual.executions");
  stage.say("pinned");
  const milliseconds pinned_for = stage.time(seconds{300});
  steps.push_back(
      run_step(stage, deployment, immediate_only, {.rate = std::max(start, without * 0.8), .duration = pinned_for}));
  microseconds stall{};
  for (const auto& second : steps.back().load.seconds) stall = std::max(stall, second.worst);
  const double with = highest(stage.brief() ? start : std::max(200.0, without * 0.4));
  session.execute("rollback");

  stage.figure("P8 sustained without", without, "tasks/s");
  stage.figure("P8 sustained with a pinned horizon", with, "tasks/s");
  stage.figure("P8 with / without", without > 0 ? with / without : 0, "", Goal{Bound::at_least, 0.8});
  stage.figure("P8 longest latency in " + std::to_string(pinned_for.count() / 1000) + " s pinned",
               static_cast<double>(stall.count()) / 1000, "ms");
  add_soundness(stage, "P8 pinned", steps);
}

}  // namespace punctual::bench
