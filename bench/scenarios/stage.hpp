// Stage: what a scenario is given, and the steps that scenarios share. For one thread.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "deployment.hpp"
#include "figures.hpp"

namespace punctual::bench {

// How much is measured. What is not given, each scenario has its own measure for.
struct Extent {
  bool brief = false;  // only shows that it works
  std::optional<std::uint32_t> stored;
  std::optional<std::uint32_t> size;
  std::optional<std::uint32_t> seconds;
};

class Stage {
 public:
  Stage(const Place& place, StorageKind kind, const Extent& extent, Figures& figures)
      : place_(place), kind_(kind), extent_(extent), figures_(figures) {}

  [[nodiscard]] Deployment deploy(std::vector<std::string> settings = {}) const {
    return {place_, kind_, std::move(settings)};
  }
  [[nodiscard]] StorageKind kind() const { return kind_; }
  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] bool brief() const { return extent_.brief; }
  // `full`, or `little` where it is only to be shown that it works.
  template <class T>
  [[nodiscard]] T sized(T full, T little) const {
    return extent_.brief ? little : full;
  }
  // How long a measurement lasts that should last `full`.
  [[nodiscard]] milliseconds time(milliseconds full) const {
    if (extent_.seconds) return std::min<milliseconds>(full, seconds{*extent_.seconds});
    return sized(full, milliseconds{400});
  }
  // Finished tasks that are stored before anything is measured.
  [[nodiscard]] std::uint32_t stored() const { return extent_.stored.value_or(sized<std::uint32_t>(244'000, 2'000)); }
  // What a scenario makes many of: `full`, or `little`.
  [[nodiscard]] std::uint32_t size(std::uint32_t full, std::uint32_t little) const {
    return extent_.size.value_or(sized(full, little));
  }

  void figure(const std::string& name, double value, const std::string& unit, std::optional<Goal> goal = std::nullopt,
              const std::string& beside = "") const;
  void rates(const LoadReport& report, double rate) const;
  void cpu(const std::string& what, const CpuSeconds& used, double items) const;
  // What goes on, for whoever waits.
  void say(const std::string& text) const;

 private:
  const Place& place_;
  StorageKind kind_;
  Extent extent_;
  Figures& figures_;
};

// Load, and what became of it.
struct Step {
  LoadReport load;
  Deliveries deliveries;
  CpuSeconds cpu;
  double backlog_s = 0;  // from the end of the load until the last result of an accepted task was stored
  bool stored = false;   // false: that took more than 20 s
};

// Sends the load, waits until every accepted task that is due has its result, and looks at what arrived. Says how it was.
[[nodiscard]] Step run_step(const Stage& stage, Deployment& deployment, const Mix& mix, const Load& load);

// Adds what shows whether anything was lost, repeated or wrongly answered: faults, whatever the speed. Connections that end
// under a request are faults too, unless there were more of them than the server serves at once.
enum class Connections { within_limits, too_many };
void add_soundness(const Stage& stage, const std::string& name, const std::vector<Step>& steps,
                   Connections connections = Connections::within_limits);

// Whether the server keeps up for so long with tasks that are due at once: no errors, a p95 of at most 100 ms, and all
// results stored within a second. The step is added to `steps`.
[[nodiscard]] bool keeps_up(const Stage& stage, Deployment& deployment, double rate, milliseconds duration,
                            std::vector<Step>& steps);

// The highest rate for which `holds`: by steps of 30 % from `start`, then between. A failure counts when it comes twice.
// 0 when not even `start` holds.
[[nodiscard]] double highest_rate(const Stage& stage, double start, const std::function<bool(double)>& holds);

}  // namespace punctual::bench
