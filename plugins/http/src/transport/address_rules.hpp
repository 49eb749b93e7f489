// Which addresses a delivery may be sent to. Immutable: every function may be called from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/address.hpp"

namespace punctual {

// A block of addresses, "10.0.0.0/8". A block holds addresses of its own family only.
class AddressRange {
 public:
  // Also a single address without a length. Throws Error, which names `text`, when it is not a range or when bits beyond
  // the prefix are set (it is then unclear what was meant).
  [[nodiscard]] static AddressRange parse(std::string_view text);

  [[nodiscard]] bool contains(const Address& address) const noexcept;
  // Whether some address is in both.
  [[nodiscard]] bool overlaps(const AddressRange& other) const noexcept {
    return contains(other.network_) || other.contains(network_);
  }

 private:
  AddressRange(const Address& network, unsigned prefix) : network_(network), prefix_(prefix) {}

  Address network_;
  unsigned prefix_;
};

class AddressRules {
 public:
  // `allow_private`: every address is permitted. `allowed`: ranges that are permitted although they would be refused.
  // Throws Error as AddressRange::parse.
  explicit AddressRules(bool allow_private = false, std::span<const std::string> allowed = {});

  // Refused are the addresses that IANA's special-purpose registries call not globally reachable, multicast, the metadata
  // services of clouds, and IPv6 forms that carry such an IPv4 address (mapped, compatible, translated, 6to4, Teredo).
  [[nodiscard]] bool permits(const Address& address) const;

  [[nodiscard]] bool permits_everything() const noexcept { return allow_private_; }
  // Some private network may be reached: names in one are then judged by what they resolve to, not by how they look.
  [[nodiscard]] bool permits_some_private() const noexcept { return allow_private_ || !allowed_.empty(); }
  // The same of names of this machine.
  [[nodiscard]] bool permits_some_loopback() const;

 private:
  bool allow_private_;
  std::vector<AddressRange> allowed_;
};

}  // namespace punctual
