// Overload: twice as many requests as the server can serve, over more connections than it has threads, then over more than
// may wait for one: it goes on serving near its limit, refuses the rest soon, stays within bounds, and is well again as soon as
// the load is gone.
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

void add_figures(const Stage& stage, Deployment& deployment, const std::string& name, const Step& step, double limit) {
  const LoadReport& load = step.load;
  stage.figure(name + "served / limit", load.rate() / limit, "", Goal{Bound::at_least, 0.8});
  stage.figure(name + "refused with 503 and Retry-After", static_cast<double>(load.refusals.count()), "");
  stage.figure(name + "p95 of refusals", load.refusals.percentile_ms(95), "ms", Goal{Bound::at_most, 100});
  stage.figure(name + "p95 of any reply, from sending", load.from_sending.percentile_ms(95), "ms");
  stage.figure(name + "requests without a connection, at most", static_cast<double>(load.most_waiting), "");
  stage.figure(name + "unanswered", static_cast<double>(load.unanswered), "");
  stage.figure(name + "until the backlog is gone", step.backlog_s, "s");
  stage.figure(name + "most memory of the server", static_cast<double>(deployment.server().status("VmHWM")) / 1024,
               "MiB");
  stage.cpu(name, step.cpu, static_cast<double>(load.due));
}

}  // namespace

void measure_overload(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  std::vector<Step> steps;
  const auto run = [&](double rate, seconds duration, std::size_t connections) {
    steps.push_back(run_step(stage, deployment, seed_mix,
                             {.rate = rate, .duration = stage.time(duration), .connections = connections}));
    return steps.back();
  };
  const double limit = run(0, seconds{5}, 128).load.rate();
  stage.figure("overload: limit, 128 closed loops", limit, "/s");
  const std::vector<std::size_t> all_connections =
      stage.brief() ? std::vector<std::size_t>{400} : std::vector<std::size_t>{2000, 6000};
  for (const std::size_t connections : all_connections) {
    const Step over = run(limit * 2, seconds{20}, connections);
    add_figures(stage, deployment, "overload over " + std::to_string(connections) + " connections: ", over, limit);
    const Step after = run(limit * 0.3, seconds{5}, 64);
    stage.figure("overload: p95 at 30 % of the limit, at once after it", after.load.latency.percentile_ms(95), "ms",
                 Goal{Bound::at_most, 50});
  }
  add_soundness(stage, "overload", steps, Connections::too_many);
}

}  // namespace punctual::bench
