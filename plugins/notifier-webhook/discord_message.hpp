// A message for a webhook of Discord: one embed (https://discord.com/developers/docs/resources/webhook#execute-webhook).
// Pure; any thread.
#pragma once

#include "notifier-text/event_facts.hpp"
#include "notifier-webhook/message.hpp"

namespace punctual::webhook {

[[nodiscard]] Message discord_message(const text::EventFacts& facts);

}  // namespace punctual::webhook
