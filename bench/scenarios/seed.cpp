// P1, P2 and P10: the profile that the seed was measured with, at the rates that it published, then up to the highest rate
// that holds a p95 of 50 ms without an error.
#include <cstdio>

#include "published.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

constexpr double allowed_p95 = 50;
constexpr double allowed_backlog_s = 2;

bool holds(const Step& step) {
  return step.load.errors == 0 && step.load.latency.percentile_ms(95) <= allowed_p95 && step.stored &&
         step.backlog_s <= allowed_backlog_s;
}

}  // namespace

void measure_seed(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  (void)run_step(stage, deployment, seed_mix, {.rate = 100, .duration = stage.time(seconds{5})});  // warm
  const std::vector<double> rates =
      stage.brief() ? std::vector<double>{500} : std::vector<double>{50, 100, 250, 300, 500};
  std::vector<Step> steps;
  for (const double rate : rates) {
    steps.push_back(run_step(stage, deployment, seed_mix, {.rate = rate, .duration = stage.time(seconds{60})}));
    stage.rates(steps.back().load, rate);
  }
  const Step& last = steps.back();
  stage.figure("P1 seed profile at 500/s: p50", last.load.latency.percentile_ms(50), "ms");
  stage.figure("P1 seed profile at 500/s: p95", last.load.latency.percentile_ms(95), "ms", Goal{Bound::at_most, 10},
               seed_best);
  stage.figure("P1 seed profile at 500/s: p99", last.load.latency.percentile_ms(99), "ms");
  std::uint64_t errors = 0;
  for (const Step& step : steps) errors += step.load.errors;
  stage.figure("P1 seed profile: errors", static_cast<double>(errors), "", Goal{Bound::exactly, 0});
  add_soundness(stage, "P1 seed profile", steps);
  stage.cpu("seed profile at 500/s", last.cpu, static_cast<double>(last.load.due));

  std::optional<Step> best;
  std::vector<Step> climbed;
  const double highest = highest_rate(stage, 1000, [&](double rate) {
    climbed.push_back(run_step(stage, deployment, seed_mix, {.rate = rate, .duration = stage.time(seconds{10})}));
    stage.rates(climbed.back().load, rate);
    const bool held = holds(climbed.back());
    if (held) best = climbed.back();
    return held;
  });
  const bool sqlite = stage.kind() == StorageKind::sqlite;
  stage.figure(std::string(sqlite ? "P10" : "P2") + " seed profile: highest rate with p95 <= 50 ms", highest, "/s",
               Goal{Bound::at_least, 4000}, seed_highest);
  add_soundness(stage, "P2 climbing", climbed);
  if (best) stage.cpu("seed profile at its highest rate", best->cpu, static_cast<double>(best->load.due));
}

}  // namespace punctual::bench
