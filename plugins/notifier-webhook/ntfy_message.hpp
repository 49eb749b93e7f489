// A message for a topic of ntfy: text as the body, the rest in headers (https://docs.ntfy.sh/publish). Pure; any thread.
#pragma once

#include "notifier-text/event_facts.hpp"
#include "notifier-webhook/message.hpp"

namespace punctual::webhook {

[[nodiscard]] Message ntfy_message(const text::EventFacts& facts);

}  // namespace punctual::webhook
