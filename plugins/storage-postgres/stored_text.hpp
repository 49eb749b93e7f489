// Text that Postgres takes: it refuses NUL, and whatever is not UTF-8. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace punctual::postgres {

// `text` with every byte that cannot be stored replaced by "?".
[[nodiscard]] std::string storable(std::string_view text);

// Whether it can be stored as it is. What cannot is nowhere to be found.
[[nodiscard]] bool is_storable(std::string_view text);

}  // namespace punctual::postgres
