// Making, finding and changing organisations and their keys, for the commands; every change with its entry in the audit log.
// Main thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "identity/api_key.hpp"
#include "identity/id_generator.hpp"
#include "punctual/model.hpp"
#include "punctual/storage.hpp"

namespace punctual {

// Who makes a change, as the audit log names it.
inline constexpr std::string_view cli_actor = "cli";

// Stores a new organisation with a fresh signing secret. Throws UsageError for a name that is not 1..255 bytes without
// control bytes, Conflict with a line for people when the name is taken.
Organization create_organization(Directory& directory, IdGenerator& ids, std::string_view name, Time now,
                                 std::string_view actor = cli_actor);

// Throws NotFound with a line for people.
[[nodiscard]] Organization require_organization(Directory& directory, std::string_view name);

// Sets limits, "name=value" each; nothing when one of them makes no sense (UsageError).
void change_limits(Directory& directory, const Organization& organization, const std::vector<std::string>& assignments,
                   Time now);

// Puts a fresh secret before the present one, which stays valid for `overlap`; the new one. Throws Conflict, with what to do,
// while an earlier rotation has not ended.
[[nodiscard]] std::string rotate_secret(Directory& directory, const Organization& organization, milliseconds overlap,
                                        Time now);
// Takes the old secret away now. Throws Conflict when there is none.
void finish_rotation(Directory& directory, const Organization& organization, Time now);

struct KeyWish {
  std::string name;                       // at most 255 bytes without control bytes, else UsageError; may be empty
  std::optional<milliseconds> valid_for;  // nullopt: until it is revoked
};
[[nodiscard]] NewApiKey create_key(Directory& directory, IdGenerator& ids, OrganizationId owner, const KeyWish& wish,
                                   Time now, std::string_view actor = cli_actor);
// False: there is no such key.
[[nodiscard]] bool revoke_key(Directory& directory, std::string_view public_id, Time now,
                              std::string_view actor = cli_actor);

}  // namespace punctual
