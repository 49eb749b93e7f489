// Where a request comes from: the peer's address, or what a proxy that we trust says about it. Value types; every function
// may be called from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/request_head.hpp"

namespace punctual {

// IPv4 is kept as ::ffff:a.b.c.d, so that both families compare alike.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  [[nodiscard]] static IpAddress from_socket(int descriptor);  // the peer's; all zero when there is none any more

  // What one limit applies to: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer has.
  [[nodiscard]] std::array<std::uint8_t, 16> limited_as() const;
};

class TrustedProxies {
 public:
  // Addresses ("10.0.0.7") and networks ("10.0.0.0/8", "fd00::/8"). Throws Error on anything else.
  explicit TrustedProxies(std::span<const std::string> entries);

  // The right-most address of X-Forwarded-For that is not a trusted proxy's own, if the peer is one; else the peer.
  [[nodiscard]] IpAddress client_of(const IpAddress& peer, const RequestHead& head) const;

 private:
  struct Network {
    IpAddress address;
    unsigned bits = 128;
  };
  [[nodiscard]] bool trusts(const IpAddress& address) const;

  std::vector<Network> networks_;
};

}  // namespace punctual
