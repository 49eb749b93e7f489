// The event itself, as its JSON, with the headers of Standard Webhooks. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "notifier-webhook/message.hpp"
#include "punctual/notifier.hpp"

namespace punctual::webhook {

// `key`: what it is signed with (key_of_secret). `now`: Unix seconds.
[[nodiscard]] Message json_message(const Event& event, const std::optional<std::string>& key, std::int64_t now);

}  // namespace punctual::webhook
