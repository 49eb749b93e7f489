// Retry-After (RFC 9110, section 10.2.3). Pure; any thread.
#pragma once

#include <optional>

#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

// The wait, counted from `now`, that the first such header asks for which makes sense: seconds or a date that has not passed;
// at most 24 h.
[[nodiscard]] std::optional<microseconds> retry_after(const Headers& headers, Time now);

}  // namespace punctual
