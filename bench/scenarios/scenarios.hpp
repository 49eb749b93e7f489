// All scenarios. Each measures one thing on a deployment of its own and adds what it found to the figures.
#pragma once

#include <span>

#include "scenarios/stage.hpp"

namespace punctual::bench {

struct Scenario {
  const char* name;
  const char* what;
  bool on_sqlite;
  void (*run)(const Stage&);
};

[[nodiscard]] std::span<const Scenario> scenarios();

void measure_seed(const Stage& stage);
void measure_creates(const Stage& stage);
void measure_sustained(const Stage& stage);
void measure_drain(const Stage& stage);
void measure_lateness(const Stage& stage);
void measure_cost(const Stage& stage);
void measure_growth(const Stage& stage);
void measure_pinned(const Stage& stage);
void measure_in_flight(const Stage& stage);
void measure_neighbour(const Stage& stage);
void measure_idle(const Stage& stage);
void measure_overload(const Stage& stage);

}  // namespace punctual::bench
