// P4: a server starts on a store full of due tasks. Counted until the last result is stored. On Postgres beside it, where they
// can be installed, what peers do with as many stored jobs in the same cluster, each one POST to the same kind of target.
#include <numeric>
#include <sstream>

#include "postgres_store.hpp"
#include "published.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

constexpr auto body = R"({"order":1234,"event":"order.paid"})";

Time now() { return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()); }

// Deliveries a second; 0 when not all were stored.
double drain(const Stage& stage, Deployment& deployment, std::uint32_t count) {
  deployment.start_server();
  const Time ready = now();
  const CpuMeter meter = deployment.meter();
  const bool stored = deployment.wait_for_results(count, seconds{300});
  const Time end = now();
  const CpuSeconds cpu = meter.used();
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  const Deliveries deliveries = deployment.target().wait_for(numbers, 0, count, seconds{5});
  const double took = std::chrono::duration<double>(end - std::min(ready, deployment.target().report().first)).count();
  stage.say("drained " + std::to_string(count - deliveries.lost) + " in " + formatted(took) + " s; " + cpu.text());
  stage.figure("P4 drain: lost", static_cast<double>(deliveries.lost), "", none_at_all);
  stage.figure("P4 drain: repeated", static_cast<double>(deliveries.repeated), "", none_at_all);
  stage.cpu("drain", cpu, count);
  return stored ? count / took : 0;
}

// The rate of each peer; none when they are not installed and cannot be. They print a line of JSON each.
std::vector<std::pair<std::string, double>> drain_by_peers(const Stage& stage, const Deployment& deployment,
                                                           const std::string& database, std::uint32_t count) {
  std::vector<std::pair<std::string, double>> rates;
  try {
    const auto target = deployment.another_target();
    std::istringstream lines(
        output_of({stage.place().peers.string(), "--database", database, "--target", target->origin() + "/n/{n}",
                   "--jobs", std::to_string(count), "--body", std::to_string(std::char_traits<char>::length(body))}));
    for (std::string line; std::getline(lines, line);) {
      stage.say(line);
      const boost::json::value peer = boost::json::parse(line);
      rates.emplace_back(std::string(peer.at("peer").as_string()) + " " + std::string(peer.at("version").as_string()),
                         peer.at("per_second").to_number<double>());
    }
  } catch (const std::exception& problem) {
    stage.say("no peers beside it: " + std::string(problem.what()));
  }
  return rates;
}

}  // namespace

void measure_drain(const Stage& stage) {
  const std::uint32_t count = stage.size(50'000, 1'000);
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  deployment.fill_due(deployment.key(), {.count = count}, body);
  const double rate = drain(stage, deployment, count);
  stage.figure("P4 drain of " + std::to_string(count) + " stored tasks", rate, "/s", std::nullopt, peers_drain);
  const auto* postgres = deployment.store().postgres();
  if (postgres == nullptr || stage.place().peers.empty() || stage.brief()) return;
  deployment.stop_server();
  for (const auto& [peer, theirs] : drain_by_peers(stage, deployment, postgres->url(), count)) {
    stage.figure("P4 " + peer, theirs, "/s");
    std::optional<Goal> goal;
    if (peer.starts_with("graphile-worker")) goal = Goal{Bound::at_least, 1.8};
    stage.figure("P4 drain / " + peer, rate / theirs, "", goal);
  }
}

}  // namespace punctual::bench
