// Changes of tasks that clients ask for; what they do stands at TaskStore. Inside the caller's write transaction.
#pragma once

#include <functional>
#include <string_view>

#include "connection.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

[[nodiscard]] TaskWriteOutcome update_task(Connection& connection, const TaskWrite& write, const TaskUpdate& change);
[[nodiscard]] TaskWriteOutcome remove_task(Connection& connection, const TaskWrite& write,
                                           const std::function<void(const Task&)>& removing = {});
[[nodiscard]] TaskWriteOutcome add_run(Connection& connection, const TaskWrite& write, const NewExecution& execution);
[[nodiscard]] TaskWriteOutcome remove_queue(Connection& connection, const TaskWrite& write, std::string_view queue,
                                            const std::function<StoredReply(std::size_t)>& reply);

}  // namespace punctual::sqlite
