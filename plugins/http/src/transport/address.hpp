// An IP address as a value. Every function may be called from any thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace punctual {

class Address {
 public:
  using V4 = std::array<std::uint8_t, 4>;
  using V6 = std::array<std::uint8_t, 16>;

  explicit Address(const V4& bytes) : v4_(true) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes_[i] = bytes[i];
  }
  explicit Address(const V6& bytes) : bytes_(bytes) {}

  // "192.0.2.1" with four decimal parts, or an IPv6 address without brackets and zone; anything else is nullopt.
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  // nullopt: neither IPv4 nor IPv6.
  [[nodiscard]] static std::optional<Address> from(const sockaddr& socket_address);

  [[nodiscard]] bool is_v4() const noexcept { return v4_; }
  // Network order; of an IPv4 address the first four are of meaning, the others are zero.
  [[nodiscard]] const V6& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string text() const;

  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  bool v4_ = false;
  V6 bytes_{};
};

}  // namespace punctual
