#include "notifier-text/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace punctual::text {
namespace {

const unsigned char* as_bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* as_bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

bool is_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL adds a zero
  const int size = EVP_EncodeBlock(as_bytes(out), as_bytes(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  const std::size_t missing = (4 - text.size() % 4) % 4;
  // OpenSSL passes over white space, which does not belong here.
  if (missing == 3 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  const std::string padded = std::string(text) + std::string(missing, '=');
  std::string out(padded.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(as_bytes(out), as_bytes(padded), static_cast<int>(padded.size())) < 0) return std::nullopt;
  out.resize(out.size() - missing);
  return out;
}

}  // namespace punctual::text
