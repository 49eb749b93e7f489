// P6: tasks for an exact millisecond, seconds ahead: how late each arrives at the target.
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

void measure_lateness(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  Mix mix = timed_only;
  mix.ahead = stage.sized(milliseconds{3000}, milliseconds{500});
  const Step step = run_step(stage, deployment, mix, {.rate = 500, .duration = stage.time(seconds{30})});
  const TargetReport report = deployment.target().report();
  stage.figure("P6 lateness at 500/s: p50", report.lateness_p50, "ms", Goal{Bound::at_most, 3});
  stage.figure("P6 lateness at 500/s: p99", report.lateness_p99, "ms", Goal{Bound::at_most, 20});
  stage.figure("P6 lateness at 500/s: max", report.lateness_max, "ms");
  stage.figure("P6 lateness at 500/s: early", static_cast<double>(report.early), "", Goal{Bound::exactly, 0, true});
  stage.figure("P6 lateness at 500/s: the earliest", report.earliest_ms, "ms");
  add_soundness(stage, "P6 lateness", {step});
  stage.cpu("delayed tasks at 500/s", step.cpu, static_cast<double>(step.load.due));
}

}  // namespace punctual::bench
