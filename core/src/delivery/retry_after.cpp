#include "delivery/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "delivery/http_date.hpp"

namespace punctual {
namespace {

constexpr std::chrono::hours longest_retry_after{24};

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The wait that a Retry-After value (RFC 9110, section 10.2.3) asks for; nullopt when it makes no sense or lies in the past.
std::optional<microseconds> parse_retry_after(std::string_view text, Time now) {
  const auto at_most_a_day = [](microseconds wait) { return std::min<microseconds>(wait, longest_retry_after); };
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    return error == std::errc{} ? at_most_a_day(seconds{count})
                                : longest_retry_after;  // the only error left is "too large"
  }
  const auto date = parse_http_date(text, now);
  if (!date || *date < now) return std::nullopt;
  return at_most_a_day(*date - now);
}

}  // namespace

std::optional<microseconds> retry_after(const Headers& headers, Time now) {
  constexpr std::string_view wanted = "retry-after";
  for (const auto& [name, value] : headers) {
    const bool same = std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(), [](char c, char lower) {
      return (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == lower;
    });
    if (!same) continue;
    if (const auto wait = parse_retry_after(value, now)) return wait;
  }
  return std::nullopt;
}

}  // namespace punctual
