// Rows of tasks and executions as values. Any thread. The texts are inline so that those which begin with them, in other files,
// are made after them.
#pragma once

#include <string>

#include "punctual/model.hpp"
#include "session.hpp"

namespace punctual::postgres {

// "select …" with the columns that task_from reads, without the from clause.
inline const std::string task_columns = R"sql(
  select id, organization_id, name, url, method, headers, body, schedule_type, cron_expression, timezone, scheduled_at,
    enabled, timeout_ms, retry_attempts, callback_url, on_failure_url, on_recovery_url, expected_status_codes,
    expected_body_pattern, queue, notify_on_failure, notify_on_recovery, misfire, overlap, retry_delay_s,
    retry_max_delay_s, expires_in_s, next_run_at, last_execution_at, last_execution_status, inserted_at, updated_at)sql";
[[nodiscard]] Task task_from(const Rows& rows, std::size_t row);

// The columns that execution_from reads, of a table named executions.
inline const std::string execution_columns = R"sql(
  select executions.id, executions.task_id, executions.organization_id, executions.run_id, executions.attempt,
    executions.status, executions.scheduled_for, executions.started_at, executions.finished_at, executions.status_code,
    executions.duration_ms, executions.error_message)sql";
inline constexpr int execution_column_count = 12;
[[nodiscard]] Execution execution_from(RowReader& row);
[[nodiscard]] Execution execution_from(const Rows& rows, std::size_t row);

}  // namespace punctual::postgres
