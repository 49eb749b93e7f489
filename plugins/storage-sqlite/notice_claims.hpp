// What is told next to which channel: how notices are claimed, and what becomes of claims. Inside the caller's transaction, on
// its thread; what it does stands at Channels.
#pragma once

#include <cstddef>
#include <span>

#include "connection.hpp"
#include "punctual/channels.hpp"

namespace punctual::sqlite {

[[nodiscard]] NoticeClaims claim_notices(Connection& connection, const NoticeRequest& request);
void settle_notice(Connection& connection, const NoticeResult& result);
void release_notice(Connection& connection, const NoticeClaim& claim);

// Gives back all that anybody has claimed; how many notices.
[[nodiscard]] std::size_t release_all_notices(Connection& connection);

}  // namespace punctual::sqlite
