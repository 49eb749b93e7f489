#include "transport/address_rules.hpp"

#include <algorithm>
#include <charconv>

#include "punctual/errors.hpp"

namespace punctual {
namespace {

// IANA IPv4 Special-Purpose Address Registry, and what else is no public host.
constexpr std::string_view refused_v4[] = {
    "0.0.0.0/8",         // this network
    "10.0.0.0/8",        // private
    "100.64.0.0/10",     // carrier-grade NAT
    "127.0.0.0/8",       // loopback
    "168.63.129.16/32",  // Azure's host agent, reachable from every machine there
    "169.254.0.0/16",    // link-local, metadata services
    "172.16.0.0/12",     // private
    "192.0.0.0/24",      // protocol assignments, a metadata service
    "192.0.2.0/24",      // documentation
    "192.88.99.0/24",    // 6to4 relays, withdrawn
    "192.168.0.0/16",    // private
    "198.18.0.0/15",     // benchmarks
    "198.51.100.0/24",   // documentation
    "203.0.113.0/24",    // documentation
    "224.0.0.0/4",       // multicast
    "240.0.0.0/4",       // reserved, broadcast
};

// IANA IPv6 Special-Purpose Address Registry. Forms with an IPv4 address inside are judged by that instead.
constexpr std::string_view refused_v6[] = {
    "::/128",          // unspecified
    "::1/128",         // loopback
    "64:ff9b:1::/48",  // translation inside one network: where the IPv4 address stands is up to it
    "100::/64",        // discard
    "2001:2::/48",     // benchmarks
    "2001:10::/28",    // identifiers, withdrawn
    "2001:20::/28",    // identifiers
    "2001:db8::/32",   // documentation
    "3fff::/20",       // documentation
    "5f00::/16",       // segment routing
    "fc00::/7",        // unique local, metadata services
    "fe80::/10",       // link-local
    "fec0::/10",       // site-local, withdrawn
    "ff00::/8",        // multicast
};

std::vector<AddressRange> parse_all(std::span<const std::string_view> texts) {
  std::vector<AddressRange> out;
  for (const auto text : texts) out.push_back(AddressRange::parse(text));
  return out;
}

bool any_contains(const std::vector<AddressRange>& ranges, const Address& address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return range.contains(address); });
}

bool refused_by_itself(const Address& address) {
  static const auto v4 = parse_all(refused_v4);
  static const auto v6 = parse_all(refused_v6);
  return any_contains(address.is_v4() ? v4 : v6, address);
}

Address v4_at(const Address::V6& bytes, std::size_t at, std::uint8_t mask = 0) {
  Address::V4 out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(bytes[at + i] ^ mask);
  return Address(out);
}

// The IPv4 addresses that packets to this IPv6 address may end at.
std::vector<Address> embedded_v4(const Address& address) {
  static const auto in_last_bytes = parse_all(std::initializer_list<std::string_view>{
      "::/96",            // compatible, withdrawn (RFC 4291, 2.5.5.1)
      "::ffff:0:0/96",    // mapped (RFC 4291, 2.5.5.2)
      "::ffff:0:0:0/96",  // translated (RFC 2765)
      "64:ff9b::/96",     // translated (RFC 6052)
  });
  static const auto six_to_four = AddressRange::parse("2002::/16");  // RFC 3056
  static const auto teredo = AddressRange::parse("2001::/32");       // RFC 4380: server, then inverted client
  const auto& bytes = address.bytes();
  if (any_contains(in_last_bytes, address)) return {v4_at(bytes, 12)};
  if (six_to_four.contains(address)) return {v4_at(bytes, 2)};
  if (teredo.contains(address)) return {v4_at(bytes, 4), v4_at(bytes, 12, 0xff)};
  return {};
}

}  // namespace

AddressRange AddressRange::parse(std::string_view text) {
  const auto fail = [&](const char* problem) {
    return Error("'" + std::string(text) + "' is not a range of addresses such as 10.0.0.0/8 or fd00::/8: " + problem);
  };
  const auto slash = text.find('/');
  const auto network = Address::parse(text.substr(0, slash));
  if (!network) throw fail("no IP address before the slash");
  const unsigned bits = network->is_v4() ? 32 : 128;
  unsigned prefix = bits;
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc{} || end != digits.data() + digits.size() || prefix > bits) {
      throw fail(network->is_v4() ? "the length must be 0 to 32" : "the length must be 0 to 128");
    }
  }
  for (unsigned bit = prefix; bit < bits; ++bit) {
    if ((network->bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0) throw fail("bits beyond the length are set");
  }
  return {*network, prefix};
}

bool AddressRange::contains(const Address& address) const noexcept {
  if (address.is_v4() != network_.is_v4()) return false;
  const unsigned whole = prefix_ / 8;
  if (!std::equal(network_.bytes().begin(), network_.bytes().begin() + whole, address.bytes().begin())) return false;
  const unsigned rest = prefix_ % 8;
  return rest == 0 || (network_.bytes()[whole] ^ address.bytes()[whole]) >> (8 - rest) == 0;
}

AddressRules::AddressRules(bool allow_private, std::span<const std::string> allowed) : allow_private_(allow_private) {
  for (const auto& text : allowed) allowed_.push_back(AddressRange::parse(text));
}

bool AddressRules::permits_some_loopback() const {
  static const auto loopback = parse_all(std::initializer_list<std::string_view>{"127.0.0.0/8", "::1/128"});
  return allow_private_ || std::any_of(allowed_.begin(), allowed_.end(), [](const auto& range) {
           return range.overlaps(loopback[0]) || range.overlaps(loopback[1]);
         });
}

bool AddressRules::permits(const Address& address) const {
  if (allow_private_ || any_contains(allowed_, address)) return true;
  if (refused_by_itself(address)) return false;
  if (address.is_v4()) return true;
  const auto inner = embedded_v4(address);
  return std::all_of(inner.begin(), inner.end(), [&](const auto& v4) { return permits(v4); });
}

}  // namespace punctual
