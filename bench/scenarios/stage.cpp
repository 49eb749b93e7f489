#include "scenarios/stage.hpp"

#include <array>
#include <cstdio>

namespace punctual::bench {

namespace {

template <class... Values>
std::string text(const char* format, Values... values) {
  std::array<char, 400> out{};
  std::snprintf(out.data(), out.size(), format, values...);
  return out.data();
}

std::string statuses_of(const LoadReport& report) {
  std::string out;
  for (const auto& [status, count] : report.statuses) {
    if (status == 200 || status == 202) continue;
    out += (status == 0 ? ", connection lost " : ", " + std::to_string(status) + " ") + std::to_string(count);
  }
  if (report.unanswered > 0) out += ", unanswered " + std::to_string(report.unanswered);
  return out;
}

}  // namespace

void Stage::figure(const std::string& name, double value, const std::string& unit, std::optional<Goal> goal,
                   const std::string& beside) const {
  figures_.add(Figure{std::string(name_of(kind_)) + " " + name, value, unit, goal, beside});
}

void Stage::rates(const LoadReport& report, double rate) const {
  const auto errors =
      static_cast<double>(report.errors) * 100 / static_cast<double>(std::max<std::uint64_t>(1, report.due));
  figures_.add(RatePoint{std::string(name_of(kind_)), rate, report.latency.percentile_ms(50),
                         report.latency.percentile_ms(95), report.latency.percentile_ms(99), errors});
}

void Stage::cpu(const std::string& what, const CpuSeconds& used, double items) const {
  figures_.add(std::string(name_of(kind_)) + " " + what, used, items);
}

void Stage::say(const std::string& what) const {
  static const auto began = std::chrono::steady_clock::now();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began;
  std::fprintf(stderr, "%7.1f s %s: %s\n", elapsed.count(), std::string(name_of(kind_)).c_str(), what.c_str());
}

Step run_step(const Stage& stage, Deployment& deployment, const Mix& mix, const Load& load) {
  Step step;
  auto requests = deployment.requests(mix);
  const double stored = deployment.server().stored_results();
  deployment.target().reset();
  const CpuMeter meter = deployment.meter();
  step.load = deployment.run(requests, load);
  const auto ended = std::chrono::steady_clock::now();
  step.stored = deployment.wait_for_results(stored + static_cast<double>(step.load.accepted.size()), seconds{20});
  step.backlog_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - ended).count();
  step.cpu = meter.used();
  step.deliveries = deployment.target().wait_for(step.load.accepted, requests.first_number(), requests.next_number(),
                                                 step.stored ? seconds{1} : seconds{30});
  const auto report = deployment.target().report();
  stage.say(text(
      "%.0f/s: %.0f/s done, p50 %.2f p95 %.2f p99 %.2f max %.0f ms, errors %lu%s, waiting at most %lu, backlog "
      "%.2f s, delivered after p50 %.1f p95 %.1f ms; %s",
      load.rate, step.load.rate(), step.load.latency.percentile_ms(50), step.load.latency.percentile_ms(95),
      step.load.latency.percentile_ms(99), step.load.latency.max_ms(), step.load.errors, statuses_of(step.load).c_str(),
      step.load.most_waiting, step.backlog_s, report.lateness_p50, report.lateness_p95, step.cpu.text().c_str()));
  return step;
}

void add_soundness(const Stage& stage, const std::string& name, const std::vector<Step>& steps,
                   Connections connections) {
  Deliveries sum;
  std::uint64_t connections_lost = 0;
  std::uint64_t wrong = 0;
  for (const Step& step : steps) {
    sum.accepted += step.deliveries.accepted;
    sum.lost += step.deliveries.lost;
    sum.repeated += step.deliveries.repeated;
    wrong += step.load.wrong();
    connections_lost += step.load.connections_lost();
  }
  stage.figure(name + ": tasks to deliver", static_cast<double>(sum.accepted), "");
  stage.figure(name + ": lost", static_cast<double>(sum.lost), "", none_at_all);
  stage.figure(name + ": repeated", static_cast<double>(sum.repeated), "", none_at_all);
  stage.figure(name + ": wrong answers", static_cast<double>(wrong), "", none_at_all);
  stage.figure(name + ": connections ended under a request", static_cast<double>(connections_lost), "",
               Goal{Bound::exactly, 0, connections == Connections::within_limits});
}

bool keeps_up(const Stage& stage, Deployment& deployment, double rate, milliseconds duration,
              std::vector<Step>& steps) {
  steps.push_back(run_step(stage, deployment, immediate_only, {.rate = rate, .duration = duration}));
  const Step& step = steps.back();
  // Neither results nor requests may pile up.
  return step.load.errors == 0 && step.stored && step.backlog_s <= 1 && step.load.latency.percentile_ms(95) <= 100;
}

double highest_rate(const Stage& stage, double start, const std::function<bool(double)>& holds) {
  const auto twice = [&](double rate) {
    if (holds(rate)) return true;
    return holds(rate);
  };
  if (stage.brief()) return holds(start) ? start : 0;
  double best = 0;
  double rate = start;
  while (twice(rate)) {
    best = rate;
    rate *= 1.3;
  }
  if (best == 0) return 0;
  double failed = rate;
  for (int i = 0; i < 2; ++i) {
    const double middle = (best + failed) / 2;
    (twice(middle) ? best : failed) = middle;
  }
  return best;
}

}  // namespace punctual::bench
