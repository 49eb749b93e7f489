// Replies kept for idempotency keys. Inside the caller's transaction.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

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

// The same two for a write, which may have no key; `Outcome` is what it gives. Nothing: it has not been done before.
template <class Outcome = TaskWriteOutcome, class Write>
[[nodiscard]] std::optional<Outcome> replayed(Connection& connection, const Write& write) {
  if (!write.idempotency) return std::nullopt;
  const IdempotencyRecord& record = *write.idempotency;
  auto earlier = find_earlier_use(connection, write.organization_id, record.key, record.request, record.at);
  if (!earlier) return std::nullopt;
  Outcome outcome;
  outcome.result = earlier->result;
  outcome.replay = std::move(earlier->replay);
  return outcome;
}
template <class Write>
void keep_reply(Connection& connection, const Write& write, const StoredReply& reply) {
  if (write.idempotency) store_reply(connection, write.organization_id, *write.idempotency, reply);
}
// The one that came with the write.
template <class Write>
void keep_reply(Connection& connection, const Write& write) {
  if (write.idempotency) keep_reply(connection, write, write.idempotency->reply);
}

// Deletes at most `limit` replies stored before `before`; how many.
[[nodiscard]] std::size_t expire_replies(Connection& connection, Time before, std::size_t limit);

}  // namespace punctual::sqlite
