// API keys: "pk_live_<24>.sk_live_<43>", both parts random in URL-safe base64 (RFC 4648, section 5, unpadded). The first part
// names the key and may be shown; of the second only a hash is kept. Every function may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

struct NewApiKey {
  std::string text;  // the whole key: shown once, stored nowhere
  ApiKey record;
};

// A fresh key: 18 random bytes name it, 32 are its secret. Throws std::runtime_error when the system gives no random numbers.
[[nodiscard]] NewApiKey make_api_key(KeyId id, OrganizationId organization, Time now);

// The parts of a key, as views into the text they were read from.
struct ApiKeyParts {
  std::string_view public_id;  // "pk_live_…", 32 characters
  std::string_view secret;     // "sk_live_…", 51 characters
};

// nullopt: not exactly the shape above.
[[nodiscard]] std::optional<ApiKeyParts> parse_api_key(std::string_view text);

// SHA-256 of the secret part as written. A secret has 256 random bits, so it needs neither salt nor a slow hash.
[[nodiscard]] Digest hash_secret(std::string_view secret);

// In constant time.
[[nodiscard]] bool same_digest(const Digest& a, const Digest& b);

}  // namespace punctual
