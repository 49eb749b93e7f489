#include "identity/api_key.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "identity/random_source.hpp"

namespace punctual {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view public_prefix = "pk_live_";
constexpr std::string_view secret_prefix = "sk_live_";
constexpr std::size_t public_bytes = 18;
constexpr std::size_t secret_bytes = 32;

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes * 8 + 5) / 6; }

std::string base64url(std::span<const std::uint8_t> bytes) {
  std::string out;
  out.reserve(base64_size(bytes.size()));
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) out += alphabet[bits >> (count - 6) & 0x3f];
  }
  if (count > 0) out += alphabet[bits << (6 - count) & 0x3f];
  return out;
}

template <std::size_t Size>
std::string random_text(std::string_view prefix) {
  std::array<std::uint8_t, Size> bytes{};
  fill_random(bytes);
  std::string text = std::string(prefix) + base64url(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return text;
}

bool is_part(std::string_view text, std::string_view prefix, std::size_t bytes) {
  if (text.size() != prefix.size() + base64_size(bytes) || !text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

NewApiKey make_api_key(KeyId id, OrganizationId organization, Time now) {
  NewApiKey made;
  made.record.id = id;
  made.record.organization_id = organization;
  made.record.inserted_at = now;
  made.record.public_id = random_text<public_bytes>(public_prefix);
  const std::string secret = random_text<secret_bytes>(secret_prefix);
  made.record.secret_hash = hash_secret(secret);
  made.text = made.record.public_id + "." + secret;
  return made;
}

std::optional<ApiKeyParts> parse_api_key(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const ApiKeyParts parts{text.substr(0, dot), text.substr(dot + 1)};
  if (!is_part(parts.public_id, public_prefix, public_bytes)) return std::nullopt;
  if (!is_part(parts.secret, secret_prefix, secret_bytes)) return std::nullopt;
  return parts;
}

Digest hash_secret(std::string_view secret) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return digest;
}

bool same_digest(const Digest& a, const Digest& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

}  // namespace punctual
