// Base64 (RFC 4648, section 4). Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punctual {

[[nodiscard]] std::string encode_base64(std::string_view bytes);

// With or without padding; anything but the alphabet, white space too, is nullopt.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace punctual
