// Reading tasks: one, and pages of them. Any session.
#pragma once

#include <optional>

#include "punctual/storage.hpp"
#include "session.hpp"

namespace punctual::postgres {

[[nodiscard]] std::optional<Task> find_task(Session& session, OrganizationId organization, TaskId id);
// The same, locked against other changes until the transaction ends.
[[nodiscard]] std::optional<Task> lock_task(Session& session, OrganizationId organization, TaskId id);
[[nodiscard]] Page<Task> list_tasks(Session& session, const TaskQuery& query);

// The statement of the first page of a list. Kept for the tests of its plans.
[[nodiscard]] const std::string& first_page_of_tasks(const TaskQuery& query);

}  // namespace punctual::postgres
