// What is told next to which channel: how notices are claimed, and what becomes of claims. Inside the caller's transaction, on
// its thread; what it does stands at Channels.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "connection.hpp"
#include "punctual/channels.hpp"

namespace punctual::sqlite {

// Of the notices claimed only ids and tokens are set. read_claimed_notices does the rest, in another transaction: what a
// thousand responses hold is nothing to read on the one writer. What has gone meanwhile with its channel is left out.
[[nodiscard]] NoticeClaims claim_notices(Connection& connection, const NoticeRequest& request);
void read_claimed_notices(Connection& connection, NoticeClaims& claims);

void settle_notice(Connection& connection, const NoticeResult& result);
void release_notice(Connection& connection, const NoticeClaim& claim);

[[nodiscard]] std::vector<std::string> waiting_plugins(Connection& connection);
[[nodiscard]] std::size_t give_up_notices(Connection& connection, const std::string& plugin, Time now, seconds patience,
                                          const std::string& error, std::size_t limit);

// Gives back all that anybody has claimed; how many notices.
[[nodiscard]] std::size_t release_all_notices(Connection& connection);

}  // namespace punctual::sqlite
