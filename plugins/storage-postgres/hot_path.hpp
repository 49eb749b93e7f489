// The big writes of the hot path, each one call of a function in the database, which commits by itself; what they do stands
// at WorkStore. Any session, any thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "punctual/storage.hpp"
#include "session.hpp"

namespace punctual::postgres {

// Throws RowRefused when one of the items can be stored by no means; nothing is stored then.
[[nodiscard]] std::vector<InsertOutcome> insert_work(Session& session, NodeId node, std::span<const NewWork> batch);

struct ClaimBounds {
  Time floor = Time::min();  // executions due earlier are not looked for
  OrganizationId after;      // organisations behind this one have their turn first
};
struct ClaimedWork {
  ClaimResult result;
  OrganizationId last;  // the organisation that had the last turn
};
[[nodiscard]] ClaimedWork claim_work(Session& session, const ClaimRequest& request, const ClaimBounds& bounds);

// As insert_work.
[[nodiscard]] std::vector<SettleOutcome> settle_work(Session& session, std::span<const Settlement> batch);

void release_claims(Session& session, std::span<const ClaimRef> claims);
// As release_claims; what is returned to pending is held for its host, unless its task has changed.
void hold_claims(Session& session, std::span<const HostQuestion> claims);
// Returns all claims of a node to pending, counting a rescue each; how many.
[[nodiscard]] std::size_t rescue_claims(Session& session, NodeId node);

}  // namespace punctual::postgres
