// The plot of latency over rate, with what the seed has published drawn in.
#pragma once

#include <string>
#include <vector>

#include "figures.hpp"

namespace punctual::bench {

// As SVG; both axes logarithmic. A point of a rate at which requests failed is hollow.
[[nodiscard]] std::string rates_as_svg(const std::vector<RatePoint>& points);

}  // namespace punctual::bench
