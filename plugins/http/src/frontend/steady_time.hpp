// The time that deadlines are given in.
#pragma once

#include <chrono>

namespace punctual {

using SteadyTime = std::chrono::steady_clock::time_point;

}  // namespace punctual
