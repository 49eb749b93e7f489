// What is told next to which channel: how notices are claimed, and what becomes of claims. Inside the caller's transaction, on
// its thread; what it does stands at Channels.
#pragma once

#include <cstddef>
#include <span>

#include "connection.hpp"
#include "punctual/channels.hpp"

namespace punctual::sqlite {

// Of the notices claimed only ids and tokens are set. read_claimed_notices does the rest, in another transaction: what a
// thousand responses hold is nothing to read on the one writer. What has gone meanwhile with its channel is left out.
[[nodiscard]] NoticeClaims claim_notices(Connection& connection, const NoticeRequest& request);
void read_claimed_notices(Connection& connection, NoticeClaims& claims);

void settle_notice(Connection& connection, const NoticeResult& result);
void release_notice(Connection& connection, const NoticeClaim& claim);

// Gives back all that anybody has claimed; how many notices.
[[nodiscard]] std::size_t release_all_notices(Connection& connection);

}  // namespace punctual::sqlite
