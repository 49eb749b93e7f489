#include "notifier-webhook/standard_webhooks.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

#include "notifier-text/base64.hpp"

namespace punctual::webhook {

std::optional<std::string> key_of_secret(std::string_view secret) {
  constexpr std::string_view prefix = "whsec_";
  if (!secret.starts_with(prefix)) return std::nullopt;
  auto key = text::from_base64(secret.substr(prefix.size()));
  if (key && key->empty()) return std::nullopt;
  return key;
}

std::string signature(std::string_view key, std::string_view id, std::int64_t timestamp, std::string_view body) {
  std::string content(id);
  content += '.' + std::to_string(timestamp) + '.';
  content += body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data(), &size) == nullptr) {
    throw std::runtime_error("HMAC-SHA256 failed");
  }
  return "v1," + text::to_base64({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace punctual::webhook
