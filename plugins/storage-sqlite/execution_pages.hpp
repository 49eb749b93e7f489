// Reading executions: one with its response, and pages of them. Inside the caller's read transaction.
#pragma once

#include <optional>

#include "connection.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

[[nodiscard]] std::optional<ExecutionDetail> find_execution(Connection& connection, OrganizationId organization,
                                                            ExecutionId id);
[[nodiscard]] Page<Execution> list_executions(Connection& connection, const ExecutionQuery& query);

}  // namespace punctual::sqlite
