#include "delivery/derived_id.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace punctual {

Uuid derived_id(const Uuid& stamp, std::string_view source) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(source.data()), source.size(), digest.data());
  Uuid id = stamp;
  auto& bytes = id.bytes;
  std::copy_n(digest.begin(), bytes.size() - 6, bytes.begin() + 6);
  bytes[6] = static_cast<std::uint8_t>(0x80 | (bytes[6] & 0x0f));  // version
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));  // variant
  return id;
}

}  // namespace punctual
