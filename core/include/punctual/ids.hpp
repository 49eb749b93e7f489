// Identity: 128-bit ids, RFC 9562 version 7 when made here, with one C++ type for each kind of thing they name.
// Value types; every function may be called from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace punctual {

// 16 bytes in network order, so that byte order is time order for version 7.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const Uuid&, const Uuid&) = default;

  // The canonical form: 36 characters, lower case (RFC 9562, section 4).
  [[nodiscard]] std::string text() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out(36, '-');
    std::size_t at = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
      out[at++] = digits[bytes[i] >> 4];
      out[at++] = digits[bytes[i] & 0x0f];
    }
    return out;
  }

  // Reads the canonical form in either case; anything else is nullopt.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid out;
    std::size_t at = 0;
    for (std::size_t i = 0; i < out.bytes.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) {
        if (text[at++] != '-') return std::nullopt;
      }
      const int high = nibble(text[at++]);
      const int low = nibble(text[at++]);
      if (high < 0 || low < 0) return std::nullopt;
      out.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return out;
  }

 private:
  static constexpr int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
};

// A Uuid that names one kind of thing: a TaskId never passes for an ExecutionId.
template <class Kind>
struct Id {
  Uuid value{};

  friend auto operator<=>(const Id&, const Id&) = default;

  [[nodiscard]] std::string text() const { return value.text(); }

  [[nodiscard]] static std::optional<Id> parse(std::string_view text) {
    const auto value = Uuid::parse(text);
    if (!value) return std::nullopt;
    return Id{*value};
  }
};

using TaskId = Id<struct TaskKind>;
// A run is named by the id of its first execution, so runs and executions share one type.
using ExecutionId = Id<struct ExecutionKind>;
using OrganizationId = Id<struct OrganizationKind>;
using KeyId = Id<struct KeyKind>;
// One lease of one server process: a process that loses its lease goes on under a new id.
using NodeId = Id<struct NodeKind>;

// Distinguishes one claim of an execution from every other claim of it. Random, never zero.
enum class ClaimToken : std::int64_t {};

}  // namespace punctual

template <class Kind>
struct std::hash<punctual::Id<Kind>> {
  std::size_t operator()(const punctual::Id<Kind>& id) const noexcept {
    // The last eight bytes of a version 7 id are random.
    std::uint64_t tail = 0;
    std::memcpy(&tail, id.value.bytes.data() + 8, sizeof tail);
    return static_cast<std::size_t>(tail);
  }
};
