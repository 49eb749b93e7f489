#include "host/masking.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace punctual {
namespace {

constexpr std::string_view mask = "***";
constexpr std::size_t shortest_secret = 4;
constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// Replaces what follows each `prefix`, as long as it is of `alphabet`.
void mask_after(std::string& text, std::string_view prefix, std::string_view alphabet) {
  for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at)) {
    at += prefix.size();
    const auto end = std::min(text.find_first_not_of(alphabet, at), text.size());
    if (end > at) text.replace(at, end - at, mask);
  }
}

// libpq also takes the password as a parameter of the URL.
void mask_password_parameters(std::string& text) {
  constexpr std::string_view parameter = "password=";
  for (auto at = text.find(parameter); at != std::string::npos; at = text.find(parameter, at)) {
    at += parameter.size();
    const auto end = std::min(text.find_first_of("&\" \t\r\n", at), text.size());
    if (end > at) text.replace(at, end - at, mask);
  }
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool sounds_secret(std::string_view parameter) {
  constexpr std::array<std::string_view, 8> words{"token", "secret", "passw", "pwd",
                                                  "key",   "sig",    "auth",  "credential"};
  std::string name(parameter);
  std::transform(name.begin(), name.end(), name.begin(), lower);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

// `query`: what follows the first '?' or '#' of a URL. The names are read as they are written.
std::string with_parameters_masked(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const auto end = std::min(query.find_first_of("&;?#"), query.size());
    const auto parameter = query.substr(0, end);
    const auto equals = parameter.find('=');
    const bool masked = equals < parameter.size() - 1 && sounds_secret(parameter.substr(0, equals));
    out += masked ? std::string(parameter.substr(0, equals + 1)).append(mask) : std::string(parameter);
    if (end < query.size()) out += query[end];
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

void mask_url_parameters(std::string& text) {
  constexpr std::string_view begin = "://";
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    const auto end = std::min(text.find_first_of("\"<> \t\r\n", at), text.size());
    const auto query = std::min(text.find_first_of("?#", at), end);
    if (query == end) continue;
    const auto masked = with_parameters_masked(std::string_view(text).substr(query + 1, end - query - 1));
    text.replace(query + 1, end - query - 1, masked);
    at = query + 1 + masked.size();  // a URL in a parameter belongs to this one
  }
}

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

// Reads the character at the front of `text`, which is not empty (RFC 3629, section 4).
Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t size = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < size) return {};
  std::uint32_t code = byte(0) & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, size};
}

// C0 and C1 controls, and the Unicode line and paragraph separators.
bool breaks_a_line(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029;
}

void append_escaped(std::string& out, std::uint32_t code) {
  if (code == '\n') {
    out += "\\n";
  } else if (code == '\r') {
    out += "\\r";
  } else if (code == '\t') {
    out += "\\t";
  } else {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, code < 0x80 ? "\\x%02x" : "\\u%04x", code);
    out += buffer;
  }
}

}  // namespace

// Userinfo ends at the last '@' of the authority (RFC 3986, section 3.2).
std::string mask_userinfo(std::string_view text) {
  constexpr std::string_view begin = "://";
  std::string out(text);
  for (auto at = out.find(begin); at != std::string::npos; at = out.find(begin, at)) {
    at += begin.size();
    const auto end = std::min(out.find_first_of("/?#\"<> \t\r\n", at), out.size());
    const auto user_size = std::string_view(out).substr(at, end - at).rfind('@');
    if (user_size != std::string_view::npos) out.replace(at, user_size, mask);
  }
  return out;
}

std::string mask_secrets(std::string_view text) {
  std::string out = mask_userinfo(text);
  mask_url_parameters(out);
  mask_password_parameters(out);
  mask_after(out, "sk_live_", std::string(letters_and_digits) + "-_");
  mask_after(out, "whsec_", std::string(letters_and_digits) + "+/=-_");
  return out;
}

std::string mask_values(std::string_view text, std::span<const std::string> values) {
  std::string out(text);
  for (const auto& value : values) {
    if (value.size() < shortest_secret) continue;
    for (auto at = out.find(value); at != std::string::npos; at = out.find(value, at + mask.size())) {
      out.replace(at, value.size(), mask);
    }
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [code, size] = decode(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";
    } else if (breaks_a_line(code)) {
      append_escaped(out, code);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

bool is_secret_name(std::string_view setting) {
  return setting.ends_with("password") || setting.ends_with("secret") || setting.ends_with("token");
}

}  // namespace punctual
