#include "frontend/client_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "punctual/errors.hpp"

namespace punctual {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

IpAddress from_v4(const void* four_bytes) {
  IpAddress out;
  std::copy(v4_prefix.begin(), v4_prefix.end(), out.bytes.begin());
  std::memcpy(out.bytes.data() + 12, four_bytes, 4);
  return out;
}

bool is_v4(const IpAddress& address) { return std::equal(v4_prefix.begin(), v4_prefix.end(), address.bytes.begin()); }

// "1.2.3.4", "1.2.3.4:80", "[::1]:80" and "::1" are all seen in X-Forwarded-For.
std::string_view without_port(std::string_view text) {
  if (!text.empty() && text.front() == '[') return text.substr(1, text.find(']') - 1);
  const auto colon = text.find(':');
  return colon != std::string_view::npos && colon == text.rfind(':') ? text.substr(0, colon) : text;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  in_addr v4{};
  if (::inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return from_v4(&v4);
  in6_addr v6{};
  if (::inet_pton(AF_INET6, terminated.c_str(), &v6) != 1) return std::nullopt;
  IpAddress out;
  std::memcpy(out.bytes.data(), &v6, out.bytes.size());
  return out;
}

IpAddress IpAddress::from_socket(int descriptor) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_INET) return from_v4(&reinterpret_cast<const sockaddr_in&>(peer).sin_addr);
  IpAddress out;
  if (peer.ss_family == AF_INET6) {
    std::memcpy(out.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, out.bytes.size());
  }
  return out;
}

std::array<std::uint8_t, 16> IpAddress::limited_as() const {
  auto out = bytes;
  if (!is_v4(*this)) std::fill(out.begin() + 8, out.end(), std::uint8_t{0});
  return out;
}

TrustedProxies::TrustedProxies(std::span<const std::string> entries) {
  for (const std::string_view entry : entries) {
    const auto slash = entry.find('/');
    const auto address = IpAddress::parse(entry.substr(0, slash));
    if (!address) throw Error("http.trusted_proxies: '" + std::string(entry) + "' is not an address or a network");
    unsigned bits = 128;
    if (slash != std::string_view::npos) {
      const auto text = entry.substr(slash + 1);
      const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), bits);
      const unsigned most = is_v4(*address) ? 32 : 128;
      if (problem != std::errc{} || end != text.data() + text.size() || bits > most) {
        throw Error("http.trusted_proxies: '" + std::string(entry) + "' is not an address or a network");
      }
      bits += 128 - most;
    }
    networks_.push_back({*address, bits});
  }
}

bool TrustedProxies::trusts(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const auto whole = network.bits / 8;
    if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, network.address.bytes.begin())) return false;
    const auto rest = network.bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff00u >> rest);
    return (address.bytes[whole] & mask) == (network.address.bytes[whole] & mask);
  });
}

IpAddress TrustedProxies::client_of(const IpAddress& peer, const RequestHead& head) const {
  if (networks_.empty() || !trusts(peer)) return peer;
  IpAddress client = peer;
  for (auto field = head.fields.rbegin(); field != head.fields.rend(); ++field) {
    if (!same_text(field->name, "x-forwarded-for")) continue;
    auto rest = field->value;
    while (!rest.empty()) {
      const auto comma = rest.rfind(',');
      const auto item = trim_blanks(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
      const auto address = IpAddress::parse(without_port(item));
      if (!address) return client;
      client = *address;
      if (!trusts(client)) return client;
    }
  }
  return client;
}

}  // namespace punctual
