// The text forms of the setting types of plugin.h. Pure functions; any thread.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "punctual/plugin.h"
#include "punctual/time.hpp"

namespace punctual {

// "250ms", "30s", "5m", "2h", "1d", or a bare number of seconds. Nothing negative; nullopt for anything else.
[[nodiscard]] std::optional<milliseconds> parse_duration(std::string_view text);
// The shortest of those forms.
[[nodiscard]] std::string format_duration(milliseconds duration);

// Reads `text`, written as after --set name=, into the JSON form that plugin.h gives for the type. nullopt: not of that type.
// `type` must be known.
[[nodiscard]] std::optional<boost::json::value> parse_setting(punctual_setting_type type, std::string_view text);

// Reads a value as TOML and JSON have them (text, integer, boolean, array of texts) into that form: what is not of the type
// itself is read as text, a bare number for a duration is seconds. nullopt: not of that type.
[[nodiscard]] std::optional<boost::json::value> read_setting(punctual_setting_type type,
                                                             const boost::json::value& value);
// The way back, for a value in that form: what parse_setting reads it from.
[[nodiscard]] std::string written_setting(punctual_setting_type type, const boost::json::value& value);
// The same as punctual_host::setting has it: durations are milliseconds.
[[nodiscard]] std::string setting_for_plugin(punctual_setting_type type, const boost::json::value& value);

[[nodiscard]] bool is_setting_type(std::int32_t type);
// Dotted, at least two parts, each of lower-case letters, digits and single inner underscores, beginning with a letter.
[[nodiscard]] bool is_setting_name(std::string_view name);
// What a person should write, e.g. "a duration such as 250ms, 30s, 5m, 2h or 1d".
[[nodiscard]] std::string_view expected_form(punctual_setting_type type);

}  // namespace punctual
