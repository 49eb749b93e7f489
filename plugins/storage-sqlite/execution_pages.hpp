// Reading executions: one with its response, and pages of them. Inside the caller's read transaction.
#pragma once

#include <optional>

#include "connection.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

// Of the body of its response the first `most_bytes`, or all; what is read is not cut between characters.
[[nodiscard]] std::optional<ExecutionDetail> find_execution(Connection& connection, OrganizationId organization,
                                                            ExecutionId id,
                                                            std::optional<std::size_t> most_bytes = std::nullopt);
[[nodiscard]] Page<Execution> list_executions(Connection& connection, const ExecutionQuery& query);

}  // namespace punctual::sqlite
