#include "notifier-webhook/webhook_url.hpp"

#include <algorithm>
#include <charconv>

namespace punctual::webhook {
namespace {

constexpr std::size_t most_bytes = 2048;  // what the server's HTTP client takes

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() && value > 0 && value < 65536;
}

// Splits ":8080" from what is before it, which may be "[::1]". False: what stands there is no port.
bool take_port(std::string_view& host) {
  const auto bracket = host.rfind(']');
  const auto colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return true;
  if (!is_port(host.substr(colon + 1))) return false;
  host = host.substr(0, colon);
  return true;
}

}  // namespace

std::optional<WebhookUrl> parse_url(std::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  const auto scheme = text.substr(0, text.find("://"));
  if (!printable || text.size() > most_bytes || (lower(scheme) != "http" && lower(scheme) != "https")) {
    return std::nullopt;
  }
  const auto rest = text.substr(scheme.size() + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  auto host = rest.substr(0, end);
  host = host.substr(host.rfind('@') + 1);  // npos + 1 is 0
  if (!take_port(host) || host.empty()) return std::nullopt;
  const auto tail = rest.substr(end);
  const auto path = tail.substr(0, tail.find_first_of("?#"));
  return WebhookUrl{std::string(text), lower(host), std::string(path)};
}

}  // namespace punctual::webhook
