// Names of settings, as people write them. Pure functions; any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "punctual/plugin.h"

namespace punctual {

// What follows the section: "url" of "webhook.url".
[[nodiscard]] std::string_view short_name(std::string_view setting);

// The setting of that whole name or else of that short one. Null: there is none, or two have this short name.
[[nodiscard]] const punctual_setting* find_setting(std::span<const punctual_setting> settings, std::string_view name);

// The one of `names` with the smallest edit distance, unless even that is quite another word.
[[nodiscard]] std::optional<std::string_view> nearest_name(std::string_view name,
                                                           std::span<const std::string_view> names);

}  // namespace punctual
