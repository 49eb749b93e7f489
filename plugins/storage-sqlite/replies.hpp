// Replies kept for idempotency keys. Inside the caller's transaction.
#pragma once

#include <optional>
#include <string_view>

#include "connection.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

struct EarlierUse {
  WriteResult result = WriteResult::replayed;  // or key_reused
  std::optional<StoredReply> replay;
};

// What was stored for a key in the 24 h before `now`; nullopt: nothing.
[[nodiscard]] std::optional<EarlierUse> find_earlier_use(Connection& connection, OrganizationId organization,
                                                         std::string_view key, const Digest& request, Time now);

// Stores `reply` for the key of the record, in place of one that has expired.
void store_reply(Connection& connection, OrganizationId organization, const IdempotencyRecord& record,
                 const StoredReply& reply);

// Deletes at most `limit` replies stored before `before`; how many.
[[nodiscard]] std::size_t expire_replies(Connection& connection, Time before, std::size_t limit);

}  // namespace punctual::sqlite
