// An e-mail address as a setting has it. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punctual::email {

struct Address {
  std::string name;     // what people see; may be empty; one line of UTF-8
  std::string address;  // "ops@example.com": ASCII, nothing that would need quotes

  // What follows the @.
  [[nodiscard]] std::string domain() const { return address.substr(address.find('@') + 1); }
};

// Reads "ops@example.com" or "Punctual <ops@example.com>". nullopt: it is neither.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);

// As From and To have it (RFC 5322, section 3.4): the name in quotes or as encoded words.
[[nodiscard]] std::string header_text(const Address& address);

}  // namespace punctual::email
