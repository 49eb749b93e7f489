// A message for a workflow or connector of Microsoft Teams: an Adaptive Card 1.4
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using). Pure; any thread.
#pragma once

#include "notifier-text/event_facts.hpp"
#include "notifier-webhook/message.hpp"

namespace punctual::webhook {

[[nodiscard]] Message teams_message(const text::EventFacts& facts);

}  // namespace punctual::webhook
