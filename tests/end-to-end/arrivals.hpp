// Arrivals: what came to a target while servers were hurt, kept small however much it is. Tasks are told apart by their
// bodies, of which no two may be the same. Every function may be called from any thread.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/guarded.hpp"
#include "support/eventually.hpp"
#include "support/http_target.hpp"

namespace punctual::testing {

class Arrivals {
 public:
  struct Arrival {
    std::string body;
    std::string execution;
    Time at;
    milliseconds answered_after{};
  };

  // Answers requests to `path` like this and records them.
  void record(HttpTarget& target, const std::string& path, TargetAnswer answer) {
    record(target, path, [answer](const TargetRequest&) { return answer; });
  }
  void record(HttpTarget& target, const std::string& path, const TargetBehaviour& behaviour) {
    target.keep_requests(false);
    target.answer(path, [this, path, behaviour](const TargetRequest& request) {
      TargetAnswer answer = behaviour(request);
      all_.lock()->by_path[path].push_back(
          {request.body, request.header("punctual-execution-id").value_or(""), request.arrived_at, answer.delay});
      return answer;
    });
  }

  [[nodiscard]] std::vector<Arrival> of(const std::string& path) { return all_.lock()->by_path[path]; }

  [[nodiscard]] std::vector<Arrival> all() {
    std::vector<Arrival> out;
    const auto recorded = all_.lock();
    for (const auto& [path, arrivals] : recorded->by_path) out.insert(out.end(), arrivals.begin(), arrivals.end());
    return out;
  }

  [[nodiscard]] std::set<std::string> bodies() {
    std::set<std::string> out;
    for (const auto& arrival : all()) out.insert(arrival.body);
    return out;
  }

  // True once all of these bodies are there.
  template <class Accepted>
  [[nodiscard]] bool have(const Accepted& accepted, seconds limit) {
    return eventually(
        [&] {
          const auto there = bodies();
          return std::all_of(accepted.begin(), accepted.end(),
                             [&](const auto& task) { return there.contains(task.first); });
        },
        limit);
  }

  // Those executions that came more than once.
  [[nodiscard]] std::map<std::string, std::vector<Arrival>> repeated() {
    std::map<std::string, std::vector<Arrival>> out;
    for (const auto& arrival : all()) out[arrival.execution].push_back(arrival);
    std::erase_if(out, [](const auto& execution) { return execution.second.size() == 1; });
    return out;
  }

  // The most requests to a path that were unanswered at one time.
  [[nodiscard]] std::size_t most_at_once(const std::string& path) {
    std::size_t most = 0;
    std::multiset<Time> answers;
    for (const auto& arrival : of(path)) {
      answers.erase(answers.begin(), answers.upper_bound(arrival.at));
      answers.insert(arrival.at + arrival.answered_after);
      most = std::max(most, answers.size());
    }
    return most;
  }

 private:
  struct All {
    std::map<std::string, std::vector<Arrival>> by_path;
  };
  Guarded<All> all_;
};

}  // namespace punctual::testing
