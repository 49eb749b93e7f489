// What others have published: the load test of the system that Punctual re-creates, and what its peers did on two cores.
#pragma once

#include <array>

#include "figures.hpp"

namespace punctual::bench {

// 4 cores, 244,000 tasks stored, the seed profile, at the end of their tuning. Only p95 was published.
struct PublishedStep {
  double rate;
  double p95;     // milliseconds
  double errors;  // percent
};
inline constexpr std::array<PublishedStep, 4> seed_steps{
    {{100, 520, 0}, {250, 1880, 0}, {300, 762, 0}, {500, 6120, 24.4}}};

inline const char* const seed_best = "seed, 4 cores: 762 ms at 300/s; 6120 ms and 24 % errors at 500/s";
inline const char* const seed_highest = "seed, 4 cores: 300/s at 762 ms";
inline const char* const seed_deliveries = "seed: about 200/s a node";
inline const char* const peers_drain = "graphile-worker 4500 to 5500/s, pg-boss about 800/s";

}  // namespace punctual::bench
