// What is told next to which channel: how notices are claimed, and what becomes of claims. Each of these is one statement, which
// commits by itself outside of a transaction; what it does stands at Channels. Any session, any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "punctual/channels.hpp"
#include "session.hpp"

namespace punctual::postgres {

[[nodiscard]] NoticeClaims claim_notices(Session& session, const NoticeRequest& request);
void settle_notices(Session& session, std::span<const NoticeResult> results);
void release_notices(Session& session, std::span<const NoticeClaim> claims);

// Of those for which something waits. These two are for a look around, not for the way of a claim.
[[nodiscard]] std::vector<std::string> waiting_plugins(Session& session);
[[nodiscard]] std::size_t give_up_notices(Session& session, const std::string& plugin, Time now, seconds patience,
                                          const std::string& error, std::size_t limit);

// Gives back what a node has claimed; how many notices.
[[nodiscard]] std::size_t release_notices_of(Session& session, NodeId node);

}  // namespace punctual::postgres
