#include "scenarios/scenarios.hpp"

#include <array>

namespace punctual::bench {

std::span<const Scenario> scenarios() {
  static constexpr std::array<Scenario, 12> all{{
      {"seed", "P1, P2, P10: the seed profile at its published rates and up to the highest that holds", true,
       measure_seed},
      {"creates", "P3: durable creates a second against pgbench's single-row commits of the same rows", true,
       measure_creates},
      {"drain", "P4: deliveries a second out of a store full of due tasks", true, measure_drain},
      {"sustained", "P5: the highest rate of create, deliver and settle for which the backlog does not grow", true,
       measure_sustained},
      {"lateness", "P6: how late delayed tasks arrive", true, measure_lateness},
      {"growth", "P7: latencies with many tasks stored against few", true, measure_growth},
      {"pinned", "P8: the rate of P5 while a forgotten transaction pins the vacuum horizon", false, measure_pinned},
      {"in-flight", "P9: thousands of deliveries under way to a target that takes 5 s", true, measure_in_flight},
      {"idle", "P11: memory, CPU and start of a server with nothing to do", true, measure_idle},
      {"cost", "P12: WAL, dead tuples and statements for one delivered task", false, measure_cost},
      {"neighbour", "R4: a few tasks beside another organisation's huge backlog for a slow target", true,
       measure_neighbour},
      {"overload", "twice as many requests as can be served, and what comes after", true, measure_overload},
  }};
  return all;
}

}  // namespace punctual::bench
