// Changes of tasks, as several statements of one transaction of the caller. What they do stands at TaskStore. A claim that is
// taken while one is under way is a Collision: the transaction is to be run again.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "punctual/storage.hpp"
#include "session.hpp"

namespace punctual::postgres {

[[nodiscard]] TaskWriteOutcome update_task(Session& session, const TaskWrite& write, const TaskUpdate& change);
[[nodiscard]] TaskWriteOutcome remove_task(Session& session, const TaskWrite& write,
                                           const std::function<void(const Task&)>& removing = {});
// The same of several, without idempotency: the claims that ended by it; nullopt: held_elsewhere. The tasks are locked.
[[nodiscard]] std::optional<std::vector<ClaimRef>> remove_tasks(Session& session, const TaskWrite& write,
                                                                std::span<const TaskId> tasks);
[[nodiscard]] TaskWriteOutcome add_run(Session& session, const TaskWrite& write, const NewExecution& execution);
[[nodiscard]] TaskWriteOutcome remove_queue(Session& session, const TaskWrite& write, std::string_view queue,
                                            const std::function<StoredReply(std::size_t)>& reply);

}  // namespace punctual::postgres
