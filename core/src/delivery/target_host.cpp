#include "delivery/target_host.hpp"

#include <algorithm>

namespace punctual {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string_view without_zeros(std::string_view port) {
  const auto first = port.find_first_not_of('0');
  return first == std::string_view::npos ? port : port.substr(first);
}

}  // namespace

std::optional<std::string> target_host(std::string_view url) {
  constexpr std::string_view separator = "://";
  const auto scheme_end = url.find(separator);
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const std::string scheme = lower(url.substr(0, scheme_end));
  std::string_view authority = url.substr(scheme_end + separator.size());
  authority = authority.substr(0, authority.find_first_of("/?#\\"));
  if (const auto userinfo = authority.rfind('@'); userinfo != std::string_view::npos) {
    authority.remove_prefix(userinfo + 1);
  }
  // The colons of an IPv6 address stand in brackets.
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string host = lower(authority.substr(0, colon));
  if (!host.empty() && host.back() == '.') host.pop_back();
  if (host.empty()) return std::nullopt;
  std::string_view port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
  if (port.empty() && scheme == "http") port = "80";
  if (port.empty() && scheme == "https") port = "443";
  return host.append(":").append(without_zeros(port));
}

}  // namespace punctual
