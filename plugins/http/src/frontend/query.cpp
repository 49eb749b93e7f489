#include "frontend/query.hpp"

#include <algorithm>

#include "frontend/api_error.hpp"

namespace punctual {

namespace {

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// How many bytes the UTF-8 sequence at the beginning of `text` has (RFC 3629, section 4); 0: none is valid there.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first < 0xe0   ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const auto second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return overlong || beyond ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? nibble(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? nibble(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

Query::Query(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto item = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    auto name = percent_decoded(item.substr(0, equals), true);
    auto value = percent_decoded(equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1), true);
    if (!name || !value) throw ApiError(ErrorCode::bad_request, "Malformed query string");
    parameters_.emplace_back(std::move(*name), std::move(*value));
  }
}

const std::string* Query::find(std::string_view name) const {
  const auto found = std::find_if(parameters_.rbegin(), parameters_.rend(),
                                  [&](const auto& parameter) { return parameter.first == name; });
  return found == parameters_.rend() ? nullptr : &found->second;
}

std::optional<std::string> Query::text(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr || value->empty()) return std::nullopt;
  return *value;
}

void Query::refuse(std::string_view name) {
  throw ApiError(ErrorCode::invalid_params, std::string(name) + " is invalid");
}

std::int64_t Query::integer(std::string_view name, std::int64_t otherwise, std::int64_t least,
                            std::int64_t most) const {
  const auto* value = find(name);
  if (value == nullptr) return otherwise;
  const bool negative = value->starts_with('-');
  const auto digits = std::string_view(*value).substr(negative ? 1 : 0);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) refuse(name);
  std::int64_t number = 0;
  for (const char digit : digits) number = std::min(number * 10 + (digit - '0'), std::int64_t{1} << 56);
  return std::clamp(negative ? -number : number, least, most);
}

std::optional<Time> Query::time(std::string_view name) const {
  auto value = text(name);
  if (!value) return std::nullopt;
  // An offset's '+' that was not encoded has become a space.
  if (value->size() > 6 && (*value)[value->size() - 6] == ' ') (*value)[value->size() - 6] = '+';
  const auto time = parse_rfc3339(*value);
  if (!time) throw ApiError(ErrorCode::invalid_params, std::string(name) + " must be a valid ISO 8601 datetime");
  return time;
}

}  // namespace punctual
