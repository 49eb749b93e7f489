#include "notifier-email/address.hpp"

#include <algorithm>

#include "notifier-text/encoded_words.hpp"
#include "notifier-text/readable.hpp"

namespace punctual::email {
namespace {

constexpr std::size_t most_bytes = 254;  // RFC 5321, section 4.5.3.1.3, without the angle brackets

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A dot-atom (RFC 5322, section 3.2.3) of letters, digits and `marks`.
bool is_dotted(std::string_view text, std::string_view marks) {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter_or_digit(c) || c == '.' || marks.find(c) != std::string_view::npos;
  });
}

bool is_address(std::string_view text) {
  const auto at = text.find('@');
  return at != std::string_view::npos && text.size() <= most_bytes &&
         is_dotted(text.substr(0, at), "!#$%&'*+-/=?^_`{|}~") && is_dotted(text.substr(at + 1), "-");
}

std::string unquoted(std::string name) {
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
  return name;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  if (text.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  Address out;
  const auto open = text.find('<');
  if (open == std::string_view::npos) {
    out.address = text::one_line(text);
  } else {
    const auto close = text.find('>', open);
    if (close == std::string_view::npos || !text::one_line(text.substr(close + 1)).empty()) return std::nullopt;
    out.name = unquoted(text::one_line(text.substr(0, open)));
    out.address = text::one_line(text.substr(open + 1, close - open - 1));
  }
  if (!is_address(out.address)) return std::nullopt;
  return out;
}

std::string header_text(const Address& address) {
  if (address.name.empty()) return address.address;
  auto name = text::encoded_words(address.name);
  if (name == address.name) {
    name = '"' + text::replaced(text::replaced(name, "\\", "\\\\"), "\"", "\\\"") + '"';
  }
  return name + " <" + address.address + '>';
}

}  // namespace punctual::email
