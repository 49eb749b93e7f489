// Notice events: what a channel is told, made of the notices that storage gives. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "engine/notifiers.hpp"
#include "punctual/channels.hpp"

namespace punctual {

// One event for one notice; for more, a summary of them. `public_url`: where clients reach this server, "" when nobody knows.
[[nodiscard]] NotifierEvent event_of(const ClaimedNotices& claimed, std::string_view public_url);

// What a channel is told when somebody tries it.
[[nodiscard]] NotifierEvent test_event(const Channel& channel, const std::string& organization, std::string id,
                                       Time now);

}  // namespace punctual
