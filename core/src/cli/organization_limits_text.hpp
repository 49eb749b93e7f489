// The limits of an organisation as people write and read them: "name=value" with "none" for no limit. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "punctual/model.hpp"

namespace punctual {

// Reads assignments and makes them, in their order. Throws UsageError for one that makes no sense, before any is made.
void set_limits(Organization& organization, const std::vector<std::string>& assignments);

// Every limit with its value, in a fixed order.
[[nodiscard]] std::vector<std::pair<std::string_view, std::string>> limits_in_words(const Organization& organization);

// "max_concurrent=NUMBER, retention=DURATION, …", for help and errors.
[[nodiscard]] std::string known_limits();

// {"max_tasks":{"from":null,"to":50},…} of what differs: numbers, durations as text, null for no limit.
[[nodiscard]] std::string describe_limit_changes(const Organization& before, const Organization& after);

}  // namespace punctual
