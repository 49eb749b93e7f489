// The big writes of the hot path, each inside the caller's transaction, on its thread; what they do stands at WorkStore.
#pragma once

#include <span>
#include <vector>

#include "connection.hpp"
#include "punctual/storage.hpp"
#include "turns.hpp"

namespace punctual::sqlite {

// An item that no table accepts (an unknown organisation, an execution id in use) is `conflict`; its neighbours are stored.
[[nodiscard]] std::vector<InsertOutcome> insert_work(Connection& connection, NodeId node,
                                                     std::span<const NewWork> batch);
[[nodiscard]] ClaimResult claim_due(Connection& connection, Turns& turns, const ClaimRequest& request);
[[nodiscard]] std::vector<SettleOutcome> settle_batch(Connection& connection, std::span<const Settlement> batch);

}  // namespace punctual::sqlite
