// HMAC-SHA256 (RFC 2104). Pure; any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace punctual {

// The 32 bytes over `parts`, one after the other. Throws std::runtime_error when OpenSSL fails.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts);

}  // namespace punctual
