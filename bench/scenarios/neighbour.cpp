// R4: one organisation has a huge backlog for a target that takes 5 s; another one has ten tasks.
#include <thread>

#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

constexpr std::uint32_t few = 10;

// Creates ten tasks of the organisation with this key, due `ahead` from now, and gives how late the last one arrived, in
// milliseconds; a minute when it did not.
double slowest_of_ten(const Deployment& deployment, const std::string& key, const TargetProcess& target,
                      milliseconds ahead) {
  target.reset();
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < few; ++i) {
    const Time now = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
    const Time due = std::chrono::ceil<milliseconds>(now + ahead);
    boost::json::object task{{"url", target.origin() + "/n/" + std::to_string(i) +
                                         "?due=" + std::to_string(due.time_since_epoch().count())}};
    if (ahead.count() > 0) task["run_at"] = format_rfc3339(due);
    (void)deployment.create(key, task);
    numbers.push_back(i);
  }
  const Deliveries deliveries = target.wait_for(numbers, 0, few, ahead + seconds{60});
  return deliveries.lost > 0 ? 60'000 : target.report().lateness_max;
}

}  // namespace

void measure_neighbour(const Stage& stage) {
  const std::uint32_t backlog = stage.size(200'000, 500);
  const int most = stage.sized(10'000, 100);
  Deployment deployment = stage.deploy({"engine.max_in_flight=" + std::to_string(most)});
  const std::string other = deployment.add_organization("neighbour");
  deployment.fill_due(deployment.key(), {.count = backlog, .query = stage.brief() ? "?delay=500" : "?delay=5000"}, "");
  deployment.start_server();
  const auto limit = std::chrono::steady_clock::now() + seconds{20};
  while (deployment.target().report().most_waiting < most * 8 / 10 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(milliseconds{20});
  }
  stage.say("under way for the other: " + std::to_string(deployment.target().report().most_waiting));
  const auto theirs = deployment.another_target();
  const std::string name = "R4 ten beside " + std::to_string(backlog) + " due: ";
  const Goal goal{Bound::at_most, 1000};
  stage.figure(name + "slowest of those due at once", slowest_of_ten(deployment, other, *theirs, milliseconds{0}), "ms",
               goal);
  stage.figure(name + "slowest of those due soon after", slowest_of_ten(deployment, other, *theirs, seconds{2}), "ms",
               goal);
}

}  // namespace punctual::bench
