// What is written to the audit log about queues and executions. Pure functions.
//
// What a client sets for a queue is configuration. Of executions it is what a client decides about single ones by hand:
// that they end, and that they are run again.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "punctual/engine.hpp"
#include "punctual/model.hpp"
#include "punctual/queues.hpp"

namespace punctual {

[[nodiscard]] AuditEntry queue_changed(const Principal& by, const Queue& before, const Queue& after, Time at);
[[nodiscard]] AuditEntry queue_forgotten(const Principal& by, const Queue& before, Time at);
[[nodiscard]] AuditEntry queue_paused(const Principal& by, std::string_view queue, Time at);
[[nodiscard]] AuditEntry queue_resumed(const Principal& by, std::string_view queue, Time at);

[[nodiscard]] AuditEntry execution_cancelled(const Principal& by, ExecutionId execution, Time at);
// `run`: what it is run again as.
[[nodiscard]] AuditEntry execution_retried(const Principal& by, ExecutionId execution, ExecutionId run, Time at);
// `count` of them at once. Its subject is the task they are of; the organisation when they were not asked for by task.
[[nodiscard]] AuditEntry executions_retried(const Principal& by, const std::optional<TaskId>& task, std::size_t count,
                                            Time at);

}  // namespace punctual
