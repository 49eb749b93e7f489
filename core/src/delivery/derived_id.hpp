// Ids that follow from what they name: the same however often they are made. Pure; any thread.
#pragma once

#include <string_view>

#include "punctual/ids.hpp"

namespace punctual {

// Of version 8 (RFC 9562, section 5.8): the time of `stamp`, and a hash of `source` for the rest.
[[nodiscard]] Uuid derived_id(const Uuid& stamp, std::string_view source);

}  // namespace punctual
