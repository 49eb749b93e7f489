#include "delivery/response_text.hpp"

#include <cstdint>

#include "delivery/base64.hpp"

namespace punctual {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// Well-formed sequences by their first byte (Unicode Standard, table 3-7): the length, and what the second byte may be;
// the others are 80..BF. Length 0: no sequence begins so. NUL is left out, since databases do not take it in text.
struct Sequence {
  std::size_t length = 0;
  unsigned char second_low = 0x80;
  unsigned char second_high = 0xbf;
};

Sequence sequence_of(unsigned char first) {
  if (first == 0) return {};
  if (first < 0x80) return {1};
  if (first < 0xc2) return {};
  if (first < 0xe0) return {2};
  if (first == 0xe0) return {3, 0xa0, 0xbf};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first < 0xf0) return {3};
  if (first == 0xf0) return {4, 0x90, 0xbf};
  if (first < 0xf4) return {4};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {};
}

// How long the text is that `bytes` begin with.
std::size_t text_length(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto sequence = sequence_of(byte_at(bytes, at));
    if (sequence.length == 0 || sequence.length > bytes.size() - at) return at;
    for (std::size_t i = 1; i < sequence.length; ++i) {
      const auto next = byte_at(bytes, at + i);
      const bool fits = i == 1 ? next >= sequence.second_low && next <= sequence.second_high : next >> 6 == 2;
      if (!fits) return at;
    }
    at += sequence.length;
  }
  return at;
}

// Whether `rest` is the beginning of one character and nothing else.
bool is_cut_character(std::string_view rest) {
  const auto sequence = sequence_of(byte_at(rest, 0));
  if (rest.size() >= sequence.length) return false;
  if (rest.size() == 1) return true;
  const auto second = byte_at(rest, 1);
  return second >= sequence.second_low && second <= sequence.second_high &&
         (rest.size() == 2 || byte_at(rest, 2) >> 6 == 2);
}

}  // namespace

std::string response_text(std::string_view body, bool truncated) {
  const auto length = text_length(body);
  const bool is_text = length == body.size() || (truncated && is_cut_character(body.substr(length)));
  std::string out = is_text ? std::string(body.substr(0, length)) : encode_base64(body);
  if (truncated) out += "... [truncated]";
  return out;
}

std::string header_text(std::string_view bytes) {
  if (text_length(bytes) == bytes.size()) return std::string(bytes);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = byte_at(bytes, i);
    if (byte < 0x80) {
      out += static_cast<char>(byte);
    } else {
      out += static_cast<char>(0xc0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

}  // namespace punctual
