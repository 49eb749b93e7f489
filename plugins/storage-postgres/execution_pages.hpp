// Reading executions: one with its response, and pages of them. Any session.
#pragma once

#include <optional>

#include "punctual/storage.hpp"
#include "session.hpp"

namespace punctual::postgres {

[[nodiscard]] std::optional<ExecutionDetail> find_execution(Session& session, OrganizationId organization,
                                                            ExecutionId id);
[[nodiscard]] Page<Execution> list_executions(Session& session, const ExecutionQuery& query);

// Kept for the tests of their plans.
extern const std::string page_of_executions;
extern const std::string page_of_executions_of_task;
extern const std::string page_of_executions_of_queue;
extern const std::string page_of_unsuccessful_executions;
extern const std::string page_of_running_executions;
extern const std::string page_of_pending_executions;
extern const std::string page_of_kept_executions;
extern const std::string page_of_kept_executions_of_task;
extern const std::string page_of_kept_executions_of_queue;
extern const std::string page_of_kept_unsuccessful_executions;

}  // namespace punctual::postgres
