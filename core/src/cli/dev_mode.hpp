// What `serve --dev` adds: an organisation "dev", a fresh key for it, and lines that can be pasted. Main thread only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/settings_reader.hpp"
#include "punctual/storage.hpp"
#include "punctual/time.hpp"

namespace punctual {

// Defaults of --dev, weaker than anything the user says: deliveries to this machine are allowed.
[[nodiscard]] std::vector<SettingText> dev_defaults();

// Makes a key of the organisation "dev", which is made when it is not there, and gives its text. A key cannot be shown twice,
// so every start makes one; those of "dev" that nobody has used for a week are revoked.
[[nodiscard]] std::string make_dev_key(Directory& directory, Time now);

// The block for standard output. `listening_at` as Frontend gives it.
[[nodiscard]] std::string dev_greeting(std::string_view key, std::string_view listening_at);

}  // namespace punctual
