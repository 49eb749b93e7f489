// Checks that fields share. Any thread; pure.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "punctual/model.hpp"

namespace punctual {

[[nodiscard]] std::size_t code_points(std::string_view utf8);
[[nodiscard]] bool has_nul(std::string_view text);
// Without spaces, tabs and line ends at both ends.
[[nodiscard]] std::string_view trim_space(std::string_view text);

// The whole number that a JSON number is, also where it is written as 30.0 or 3e1 (JSON Schema, Validation 6.1.1: of type
// integer). What int64 cannot hold is brought to its nearest end. nullopt: no number, or one with a fraction.
[[nodiscard]] std::optional<std::int64_t> whole_number(const boost::json::value& value);

// "200, 201" → "200,201"; nullopt: not a comma list of 100 to 599.
[[nodiscard]] std::optional<std::string> read_status_codes(std::string_view text);

[[nodiscard]] bool has_numbers(const boost::json::object& headers);
// nullopt: a name or value that must not be sent, too many, or too large together. `source`: the text of the object, looked at
// where it has numbers, which are kept as they were written.
[[nodiscard]] std::optional<Headers> read_headers(const boost::json::object& object, std::string_view source);

}  // namespace punctual
