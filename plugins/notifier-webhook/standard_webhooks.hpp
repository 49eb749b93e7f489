// The signature of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, its specification). Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace punctual::webhook {

// The key in a secret, which is "whsec_" and the key in base64. nullopt: it is not.
[[nodiscard]] std::optional<std::string> key_of_secret(std::string_view secret);

// The value of webhook-signature: "v1," and the base64 of the HMAC-SHA256 over "id.timestamp.body". `timestamp` is in Unix
// seconds. Throws std::runtime_error when OpenSSL fails.
[[nodiscard]] std::string signature(std::string_view key, std::string_view id, std::int64_t timestamp,
                                    std::string_view body);

}  // namespace punctual::webhook
