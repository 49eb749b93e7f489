#include "notifier-webhook/header_list.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace punctual::webhook {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

bool is_token(std::string_view name) {  // RFC 9110, section 5.6.2
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_ours(const std::string& lower_name) {
  constexpr std::array<std::string_view, 5> names{"host", "content-length", "transfer-encoding", "connection",
                                                  "expect"};
  return lower_name.starts_with("webhook-") || std::find(names.begin(), names.end(), lower_name) != names.end();
}

std::pair<std::string, std::string> parse_header(std::string_view text, std::size_t number) {
  const auto colon = text.find(':');
  const auto name = trimmed(text.substr(0, colon));
  if (colon == std::string_view::npos || !is_token(name)) {
    throw std::invalid_argument("webhook.headers: header " + std::to_string(number) +
                                " is not written \"Name: value\"; commas separate headers");
  }
  if (is_ours(lower(name))) throw std::invalid_argument("webhook.headers must not set " + std::string(name));
  const auto value = trimmed(text.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; })) {
    throw std::invalid_argument("webhook.headers: the value of " + std::string(name) +
                                " has other than printable ASCII characters");
  }
  return {std::string(name), std::string(value)};
}

}  // namespace

HeaderList parse_header_list(std::string_view list) {
  HeaderList out;
  for (std::size_t number = 1; !trimmed(list).empty(); ++number) {
    const auto end = std::min(list.find(','), list.size());
    out.push_back(parse_header(list.substr(0, end), number));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

void set_header(HeaderList& headers, const std::string& name, const std::string& value) {
  std::erase_if(headers, [&](const auto& header) { return lower(header.first) == lower(name); });
  headers.emplace_back(name, value);
}

}  // namespace punctual::webhook
