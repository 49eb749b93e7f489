#include "scenarios/scenarios.hpp"

#include <array>

namespace punctual::bench {

std::span<const Scenario> scenarios() {
  static constexpr std::array<Scenario, 6> all{{
      {"seed", "P1, P2, P10: the seed profile at its published rates and up to the highest that holds", true,
       measure_seed},
      {"creates", "P3: durable creates a second against pgbench's single-row commits of the same rows", true,
       measure_creates},
      {"drain", "P4: deliveries a second out of a store full of due tasks", true, measure_drain},
      {"sustained", "P5: the highest rate of create, deliver and settle for which the backlog does not grow", true,
       measure_sustained},
      {"lateness", "P6: how late delayed tasks arrive", true, measure_lateness},
      {"cost", "P12: WAL, dead tuples and statements for one delivered task", false, measure_cost},
  }};
  return all;
}

}  // namespace punctual::bench
