// The sync of an organisation's cron tasks; what it does stands at TaskGroups. Inside the caller's write transaction.
#pragma once

#include <functional>

#include "connection.hpp"
#include "punctual/task_groups.hpp"

namespace punctual::sqlite {

// Throws Undone when what was written is to be rolled back.
[[nodiscard]] TaskWriteOutcome sync_tasks(Connection& connection, const TaskWrite& write, const SyncScope& scope,
                                          const std::function<SyncPlan(const SyncBase&)>& plan);

}  // namespace punctual::sqlite
