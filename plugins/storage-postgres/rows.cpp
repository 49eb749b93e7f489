#include "rows.hpp"

#include "header_lines.hpp"

namespace punctual::postgres {

Task task_from(const Rows& rows, std::size_t at) {
  RowReader row(rows, at);
  Task task;
  TaskSpec& spec = task.spec;
  row.read(task.id);
  row.read(task.organization_id);
  row.read(spec.name);
  row.read(spec.url);
  row.read(spec.method);
  spec.headers = headers_from_lines(row.next_bytes());
  row.read(spec.body);
  row.read(spec.schedule_type);
  row.read(spec.cron_expression);
  row.read(spec.timezone);
  row.read(spec.scheduled_at);
  row.read(spec.enabled);
  row.read(spec.timeout);
  row.read(spec.retry_attempts);
  row.read(spec.callback_url);
  row.read(spec.on_failure_url);
  row.read(spec.on_recovery_url);
  row.read(spec.expected_status_codes);
  row.read(spec.expected_body_pattern);
  row.read(spec.queue);
  row.read(spec.notify_on_failure);
  row.read(spec.notify_on_recovery);
  row.read(spec.misfire);
  row.read(spec.overlap);
  row.read(spec.retry_delay);
  row.read(spec.retry_max_delay);
  row.read(spec.expires_in);
  row.read(task.next_run_at);
  row.read(task.last_execution_at);
  row.read(task.last_execution_status);
  row.read(task.inserted_at);
  row.read(task.updated_at);
  return task;
}

Execution execution_from(const Rows& rows, std::size_t at) {
  RowReader row(rows, at);
  return execution_from(row);
}

Execution execution_from(RowReader& row) {
  Execution execution;
  row.read(execution.id);
  row.read(execution.task_id);
  row.read(execution.organization_id);
  row.read(execution.run_id);
  row.read(execution.attempt);
  row.read(execution.status);
  row.read(execution.scheduled_for);
  row.read(execution.started_at);
  row.read(execution.finished_at);
  row.read(execution.status_code);
  row.read(execution.duration);
  row.read(execution.error_message);
  return execution;
}

}  // namespace punctual::postgres
