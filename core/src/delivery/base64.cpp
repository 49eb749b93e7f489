#include "delivery/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace punctual {
namespace {

const unsigned char* as_bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* as_bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

bool is_digit_of_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL adds a zero
  const int size = EVP_EncodeBlock(as_bytes(out), as_bytes(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string padded(text.substr(0, std::min(text.find('='), text.size())));
  const std::size_t missing = (4 - padded.size() % 4) % 4;
  const std::size_t given = text.size() - padded.size();
  // EVP_DecodeBlock passes over white space and does not tell padding from zeros, so both are settled here.
  if (missing == 3 || (given != 0 && given != missing) ||
      !std::all_of(padded.begin(), padded.end(), is_digit_of_base64) ||
      !std::all_of(text.begin() + static_cast<std::ptrdiff_t>(padded.size()), text.end(),
                   [](char c) { return c == '='; })) {
    return std::nullopt;
  }
  padded.append(missing, '=');
  std::string out(padded.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(as_bytes(out), as_bytes(padded), static_cast<int>(padded.size())) < 0) return std::nullopt;
  out.resize(out.size() - missing);
  return out;
}

}  // namespace punctual
