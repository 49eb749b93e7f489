// P7: the same load by turns on a store with few tasks and on one with many, all in the same leaves: creates, the first
// page of the list, claims. How many is --size; 10,000,000 takes minutes to fill.
#include <algorithm>

#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

constexpr Mix mix{.immediate = 40, .delayed = 0, .timed = 40, .list = 20, .ahead = milliseconds{1200}};

struct Latencies {
  std::vector<double> create;  // p95, milliseconds
  std::vector<double> list;    // p95, milliseconds
  std::vector<double> claim;   // mean, milliseconds

  void add(const Stage& stage, Deployment& deployment, std::vector<Step>& steps) {
    const auto claims = [&](const char* what) {
      return deployment.server().metric(std::string("punctual_claim_seconds_") + what);
    };
    const double sum = claims("sum");
    const double count = claims("count");
    steps.push_back(run_step(stage, deployment, mix, {.rate = 300, .duration = stage.time(seconds{15})}));
    const LoadReport& load = steps.back().load;
    create.push_back(load.by_kind.at(static_cast<std::size_t>(RequestKind::immediate)).percentile_ms(95));
    list.push_back(load.by_kind.at(static_cast<std::size_t>(RequestKind::list)).percentile_ms(95));
    claim.push_back((claims("sum") - sum) * 1000 / std::max(1.0, claims("count") - count));
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

}  // namespace

void measure_growth(const Stage& stage) {
  const std::uint32_t little = stage.sized<std::uint32_t>(60'000, 500);
  const std::uint32_t much = stage.size(1'000'000, 2'000);
  Deployment small = stage.deploy();
  small.fill_finished(little);
  Deployment large = stage.deploy();
  large.fill_finished(much);
  stage.say("filled " + std::to_string(little) + " and " + std::to_string(much));
  Latencies few;
  Latencies many;
  std::vector<Step> steps;
  Latencies warm;
  if (!stage.brief()) {
    warm.add(stage, small, steps);
    warm.add(stage, large, steps);
  }
  for (int round = 0; round < stage.sized(3, 1); ++round) {
    few.add(stage, small, steps);
    many.add(stage, large, steps);
  }
  const std::string sizes = std::to_string(much) + " / " + std::to_string(little) + " stored tasks";
  const auto compare = [&](const std::string& what, const std::vector<double>& with_few,
                           const std::vector<double>& with_many) {
    stage.figure("P7 " + what + " with " + std::to_string(much), median(with_many), "ms");
    stage.figure("P7 " + what + ": " + sizes, median(with_many) / std::max(0.001, median(with_few)), "",
                 Goal{Bound::at_most, 1.3});
  };
  compare("create p95", few.create, many.create);
  compare("list p95", few.list, many.list);
  compare("claim mean", few.claim, many.claim);
  add_soundness(stage, "P7 growth", steps);
}

}  // namespace punctual::bench
