// What a receiver expects to be posted. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "notifier-webhook/webhook_url.hpp"

namespace punctual::webhook {

enum class Format : std::uint8_t { json, slack, discord, teams, ntfy };

// nullopt: there is no such format; "auto" is none.
[[nodiscard]] std::optional<Format> format_of_name(std::string_view name);

// What the service at this address expects; json when it is none that is known.
[[nodiscard]] Format format_of_url(const WebhookUrl& url);

}  // namespace punctual::webhook
