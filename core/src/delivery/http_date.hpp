// HTTP-date in its three formats (RFC 9110, section 5.6.7). Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "punctual/time.hpp"

namespace punctual {

// "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" or "Sun Nov  6 08:49:37 1994"; anything else, or a date
// that does not exist, is nullopt. The name of the day is not compared with the date. A two-digit year that would be more
// than 50 years after `now` is the last past one with these digits.
[[nodiscard]] std::optional<Time> parse_http_date(std::string_view text, Time now);

}  // namespace punctual
