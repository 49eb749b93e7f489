// Spans of time as clients write them: "30s", "5m", "2h", "1d", or a number of seconds. Any thread.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string_view>

#include "punctual/time.hpp"

namespace punctual {

enum class DelayProblem : std::uint8_t { none, not_positive, empty, zero, malformed, wrong_type, too_long };

inline constexpr seconds longest_delay = std::chrono::days{366};

struct DelayReading {
  DelayProblem problem = DelayProblem::none;
  seconds value{};  // when there is none
};

[[nodiscard]] DelayReading read_delay(const boost::json::value& value);

// What the field `delay` is refused with.
[[nodiscard]] std::string_view message_of(DelayProblem problem);

}  // namespace punctual
