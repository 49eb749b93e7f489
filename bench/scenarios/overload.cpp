// Overload: twice as many requests as the server can serve, over more connections than it has threads: it goes on serving
// near its limit, refuses the rest soon, stays within bounds, and is well again as soon as the load is gone.
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

void measure_overload(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  const milliseconds duration = stage.time(seconds{20});
  std::vector<Step> steps;
  steps.push_back(
      run_step(stage, deployment, seed_mix, {.rate = 0, .duration = stage.time(seconds{5}), .connections = 128}));
  const double limit = steps.back().load.rate();
  steps.push_back(
      run_step(stage, deployment, seed_mix,
               {.rate = limit * 2, .duration = duration, .connections = stage.sized<std::size_t>(2000, 400)}));
  const double peak = static_cast<double>(deployment.server().status("VmHWM")) / 1024;
  const double backlog = steps.back().backlog_s;
  stage.cpu("overload", steps.back().cpu, static_cast<double>(steps.back().load.due));
  steps.push_back(run_step(stage, deployment, seed_mix, {.rate = limit * 0.3, .duration = stage.time(seconds{5})}));
  const LoadReport& over = steps.at(1).load;
  const LoadReport& after = steps.at(2).load;

  stage.figure("overload: limit, 128 closed loops", limit, "/s");
  stage.figure("overload: served at twice the limit / limit", over.rate() / limit, "", Goal{Bound::at_least, 0.8});
  stage.figure("overload: refused with 503 and Retry-After", static_cast<double>(over.refusals.count()), "");
  stage.figure("overload: p95 of refusals", over.refusals.percentile_ms(95), "ms", Goal{Bound::at_most, 100});
  stage.figure("overload: p95 of any reply, from sending", over.from_sending.percentile_ms(95), "ms");
  stage.figure("overload: waiting for a connection at most", static_cast<double>(over.most_waiting), "");
  stage.figure("overload: unanswered", static_cast<double>(over.unanswered), "");
  stage.figure("overload: most memory of the server", peak, "MiB");
  stage.figure("overload: until the backlog is gone", backlog, "s");
  stage.figure("overload: p95 at 30 % of the limit after it", after.latency.percentile_ms(95), "ms",
               Goal{Bound::at_most, 50});
  add_soundness(stage, "overload", steps, Connections::too_many);
}

}  // namespace punctual::bench
