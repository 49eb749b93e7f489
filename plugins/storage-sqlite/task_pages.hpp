// Reading tasks: one, and pages of them. Inside the caller's read transaction.
#pragma once

#include <optional>

#include "connection.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

[[nodiscard]] std::optional<Task> find_task(Connection& connection, OrganizationId organization, TaskId id);
[[nodiscard]] Page<Task> list_tasks(Connection& connection, const TaskQuery& query);

}  // namespace punctual::sqlite
