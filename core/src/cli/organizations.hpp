// Making and finding organisations, for the commands. Main thread only.
#pragma once

#include <string_view>

#include "identity/id_generator.hpp"
#include "punctual/model.hpp"
#include "punctual/storage.hpp"

namespace punctual {

// Stores a new organisation with a fresh signing secret. Throws UsageError for a name that is not 1..255 bytes without
// control bytes, Conflict with a line for people when the name is taken.
Organization create_organization(Directory& directory, IdGenerator& ids, std::string_view name, Time now);

// Throws NotFound with a line for people.
[[nodiscard]] Organization require_organization(Directory& directory, std::string_view name);

}  // namespace punctual
