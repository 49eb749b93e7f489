// Leaves: the weekly parts of tasks and executions, made ahead of time and dropped when all in them has been kept for long
// enough. Statements that change the schema wait for nobody longer than a moment: who is in the way (a forgotten transaction
// that has read the tables) makes them come again later, while traffic goes on.
//
// What is kept although its leaf goes is known without looking through the leaf (docs/decisions/0011-what-lies-in-a-week.md).
#pragma once

#include <optional>
#include <string>

#include "punctual/host.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

inline constexpr std::chrono::days leaf_width{7};

struct Leaf {
  Time since;
  Time until;
  std::string suffix;
};

// Several instances may call it at once: one works, the others do nothing. Small transactions of its own.
[[nodiscard]] UpkeepReport tend_leaves(SessionPool& pool, const Upkeep& upkeep);

// Deletes what is over from the leaf `keep`; at most `limit` rows of each kind.
[[nodiscard]] UpkeepReport clear_keep(SessionPool& pool, const Upkeep& upkeep, std::size_t limit);

// The parts of dropping a leaf, each inside of a transaction.
//
// Moves executions to `keep` that still run, of the leaf or of its tasks, at most `limit`; how many.
[[nodiscard]] std::size_t keep_running(Session& session, const Leaf& leaf, std::size_t limit);
// Moves tasks to `keep` of which something in `keep` is live, looking at no more than `limit` tasks behind `after`. The last one
// looked at; nullopt: there was none.
[[nodiscard]] std::optional<TaskId> keep_tasks(Session& session, const Leaf& leaf, TaskId after, std::size_t limit);
// From here to the commit all traffic waits.
void detach_leaf(Session& session, const Leaf& leaf);

}  // namespace punctual::postgres
