// Leaves: the weekly parts of tasks and executions, made ahead of time and dropped when all in them has been kept for long
// enough. Statements that change the schema wait for nobody longer than a moment: who is in the way (a forgotten transaction
// that has read the tables) makes them come again later, while traffic goes on.
#pragma once

#include "punctual/host.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

inline constexpr std::chrono::days leaf_width{7};

// Several instances may call it at once: one works, the others do nothing. Small transactions of its own.
[[nodiscard]] UpkeepReport tend_leaves(SessionPool& pool, const Upkeep& upkeep);

// Deletes what is over from the leaf `keep`; at most `limit` rows of each kind.
[[nodiscard]] UpkeepReport clear_keep(SessionPool& pool, const Upkeep& upkeep, std::size_t limit);

}  // namespace punctual::postgres
