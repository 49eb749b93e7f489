// The sync of an organisation's cron tasks, as several statements of one transaction of the caller. What it does stands at
// TaskGroups.
#pragma once

#include <functional>
#include <string>

#include "punctual/task_groups.hpp"
#include "session.hpp"

namespace punctual::postgres {

// Throws Undone when the transaction is to be rolled back.
[[nodiscard]] TaskWriteOutcome sync_tasks(Session& session, const TaskWrite& write, const SyncScope& scope,
                                          const std::function<SyncPlan(const SyncBase&)>& plan);

// The cron tasks of an organisation, all and those of some names, locked; their ids and names. Kept for the test of their
// plans.
extern const std::string cron_tasks_locked;
extern const std::string named_cron_tasks_locked;

}  // namespace punctual::postgres
