// What is written to the audit log about channels. Pure functions. Of settings it is said which have changed, never to what: a
// URL may be a secret as a whole.
#pragma once

#include "punctual/channels.hpp"
#include "punctual/engine.hpp"

namespace punctual {

[[nodiscard]] AuditEntry channel_created(const Principal& by, const Channel& channel, Time at);
[[nodiscard]] AuditEntry channel_updated(const Principal& by, const Channel& before, const Channel& after, Time at);
[[nodiscard]] AuditEntry channel_deleted(const Principal& by, ChannelId channel, Time at);
[[nodiscard]] AuditEntry notices_retried(const Principal& by, ChannelId channel, Time at);

// The same of the command line.
[[nodiscard]] AuditEntry by_command_line(AuditEntry entry);

}  // namespace punctual
