// A message for an incoming webhook of Slack, and for what understands the same (Mattermost, Rocket.Chat): an attachment with a
// colour and blocks (https://docs.slack.dev/reference/block-kit). Pure; any thread.
#pragma once

#include "notifier-text/event_facts.hpp"
#include "notifier-webhook/message.hpp"

namespace punctual::webhook {

[[nodiscard]] Message slack_message(const text::EventFacts& facts);

}  // namespace punctual::webhook
