#include "notifier-text/encoded_words.hpp"

#include <algorithm>
#include <cstddef>

#include "notifier-text/base64.hpp"

namespace punctual::text {

std::string encoded_words(std::string_view text, std::string_view between) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; }) &&
                     text.find("=?") == std::string_view::npos;
  if (plain) return std::string(text);
  // 52 characters of base64 between "=?UTF-8?B?" and "?=": a line of 76 also after "Subject: ". No character may be split
  // (RFC 2047, sections 2 and 5).
  constexpr std::size_t most_bytes = 39;
  std::string out;
  while (!text.empty()) {
    std::size_t end = std::min(text.size(), most_bytes);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    if (!out.empty()) out += between;
    out += "=?UTF-8?B?" + to_base64(text.substr(0, end)) + "?=";
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace punctual::text
