// Replies kept for idempotency keys, where a change is a transaction of several statements. (Batches see to theirs in
// insert_work.) Inside the caller's transaction.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "punctual/storage.hpp"
#include "session.hpp"

namespace punctual::postgres {

struct EarlierUse {
  WriteResult result = WriteResult::replayed;  // or key_reused
  std::optional<StoredReply> replay;
};

// What was stored for a key in the 24 h before `now`; nullopt: nothing.
[[nodiscard]] std::optional<EarlierUse> find_earlier_use(Session& session, OrganizationId organization,
                                                         std::string_view key, const Digest& request, Time now);

// Takes the key of the record for this transaction, waiting for another that has taken it; the reply of the record is stored
// with it. Else what the key was used for before.
[[nodiscard]] std::optional<EarlierUse> take_key(Session& session, OrganizationId organization,
                                                 const IdempotencyRecord& record);
// Gives it back: nothing was applied.
void return_key(Session& session, OrganizationId organization, const IdempotencyRecord& record);

// The same for a write, which may have no key; `Outcome` is what it gives. Nothing: it has not been done before.
template <class Outcome = TaskWriteOutcome, class Write>
[[nodiscard]] std::optional<Outcome> replayed(Session& session, const Write& write) {
  if (!write.idempotency) return std::nullopt;
  auto earlier = take_key(session, write.organization_id, *write.idempotency);
  if (!earlier) return std::nullopt;
  Outcome outcome;
  outcome.result = earlier->result;
  outcome.replay = std::move(earlier->replay);
  return outcome;
}
// Nothing is applied: whoever took the key gives it back.
template <class Outcome = TaskWriteOutcome, class Write>
Outcome refused(Session& session, const Write& write, WriteResult result) {
  if (write.idempotency) return_key(session, write.organization_id, *write.idempotency);
  Outcome outcome;
  outcome.result = result;
  return outcome;
}

// Puts `reply` in place of the one that came with the record.
void replace_reply(Session& session, OrganizationId organization, std::string_view key, const StoredReply& reply);

// Deletes those stored before `before`, at most `limit`; how many.
[[nodiscard]] std::size_t expire_replies(Session& session, Time before, std::size_t limit);

}  // namespace punctual::postgres
