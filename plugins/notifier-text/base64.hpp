// Base64 with padding (RFC 4648, section 4). Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punctual::text {

[[nodiscard]] std::string to_base64(std::string_view bytes);

// nullopt: `text` is not base64. Padding may be missing.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace punctual::text
