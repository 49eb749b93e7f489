#include "frontend/field_checks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "frontend/json_source.hpp"
#include "frontend/request_head.hpp"

namespace punctual {

namespace {

constexpr std::size_t max_headers = 64;
constexpr std::size_t max_header_bytes = 16384;

// Of one connection only (RFC 9110, 7.6.1), or made by whoever sends.
constexpr std::array<std::string_view, 12> refused_headers{
    "connection", "keep-alive",    "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te",         "trailer",       "trailers",           "transfer-encoding",   "upgrade",
    "host",       "content-length"};
constexpr std::array<std::string_view, 3> refused_prefixes{"webhook-", "punctual-", "x-runlater-"};

bool is_refused(std::string_view name) {
  return std::any_of(refused_headers.begin(), refused_headers.end(),
                     [&](auto refused) { return same_text(name, refused); }) ||
         std::any_of(refused_prefixes.begin(), refused_prefixes.end(),
                     [&](auto prefix) { return same_text(name.substr(0, prefix.size()), prefix); });
}

// The members of an object as they were written, by key.
using Texts = std::map<std::string, std::string_view>;

Texts texts_of(std::string_view object) {
  Texts texts;
  JsonMembers members(object);
  while (const auto member = members.next()) texts[decoded_key(member->key)] = member->value;
  return texts;
}

bool is_header_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

}  // namespace

std::size_t code_points(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

std::string_view trim_space(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::optional<std::int64_t> whole_number(const boost::json::value& value) {
  using Limits = std::numeric_limits<std::int64_t>;
  constexpr double beyond = 9223372036854775808.0;  // 2^63
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64()) return Limits::max();  // Boost keeps as unsigned only what int64 cannot hold
  if (!value.is_double()) return std::nullopt;
  const double number = value.get_double();
  if (number >= beyond) return Limits::max();
  if (number < -beyond) return Limits::min();
  if (std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<std::string> read_status_codes(std::string_view text) {
  std::string out;
  while (true) {
    const auto comma = text.find(',');
    const auto code = trim_space(text.substr(0, comma));
    if (code.size() != 3 || code.find_first_not_of("0123456789") != std::string_view::npos || code[0] < '1' ||
        code[0] > '5') {
      return std::nullopt;
    }
    out += code;
    if (comma == std::string_view::npos) return out;
    out += ',';
    text.remove_prefix(comma + 1);
  }
}

bool has_numbers(const boost::json::object& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const auto& member) { return member.value().is_number(); });
}

std::optional<Headers> read_headers(const boost::json::object& object, std::string_view source) {
  if (object.size() > max_headers) return std::nullopt;
  const auto texts = has_numbers(object) ? texts_of(source) : Texts{};
  Headers out;
  out.reserve(object.size());
  std::size_t bytes = 0;
  for (const auto& member : object) {
    const std::string_view name = member.key();
    std::string value;
    if (member.value().is_string()) {
      value = member.value().get_string();
    } else if (member.value().is_number()) {
      value = texts.at(std::string(name));
    } else if (member.value().is_bool()) {
      value = member.value().get_bool() ? "true" : "false";
    } else {
      return std::nullopt;
    }
    if (!is_token(name) || is_refused(name) || !is_header_value(value)) return std::nullopt;
    bytes += name.size() + value.size();
    out.emplace_back(name, std::move(value));
  }
  if (bytes > max_header_bytes) return std::nullopt;
  return out;
}

}  // namespace punctual
