#include "rows.hpp"

#include <boost/json.hpp>

#include "punctual/errors.hpp"

namespace punctual::sqlite {
namespace {

boost::json::array parse_array(std::string_view json) {
  // Response headers may hold any bytes.
  boost::json::parse_options options;
  options.allow_invalid_utf8 = true;
  boost::system::error_code problem;
  auto value = boost::json::parse(json, problem, {}, options);
  if (problem || !value.is_array()) throw Corrupt("a stored list is not a JSON array");
  return std::move(value.as_array());
}

std::string text_of(const boost::json::value& value) {
  if (!value.is_string()) throw Corrupt("a stored list holds something other than text");
  return std::string(value.get_string());
}

}  // namespace

std::string headers_to_json(const Headers& headers) {
  if (headers.empty()) return "[]";
  boost::json::array out;
  out.reserve(headers.size());
  for (const auto& [name, value] : headers) out.push_back(boost::json::array{name, value});
  return boost::json::serialize(out);
}

Headers headers_from_json(std::string_view json) {
  Headers out;
  if (json == "[]") return out;
  const auto fields = parse_array(json);
  out.reserve(fields.size());
  for (const auto& field : fields) {
    if (!field.is_array() || field.get_array().size() != 2) throw Corrupt("a stored header is not a pair");
    out.emplace_back(text_of(field.get_array()[0]), text_of(field.get_array()[1]));
  }
  return out;
}

std::string strings_to_json(const std::vector<std::string>& strings) {
  boost::json::array out;
  for (const auto& text : strings) out.emplace_back(text);
  return boost::json::serialize(out);
}

std::vector<std::string> strings_from_json(std::string_view json) {
  std::vector<std::string> out;
  for (const auto& text : parse_array(json)) out.push_back(text_of(text));
  return out;
}

const std::string select_task = R"sql(
  select id, organization_id, name, url, method, headers, body, schedule_type, cron_expression, timezone, scheduled_at,
    enabled, timeout_ms, retry_attempts, callback_url, on_failure_url, on_recovery_url, expected_status_codes,
    expected_body_pattern, queue, notify_on_failure, notify_on_recovery, misfire, overlap, retry_delay_s,
    retry_max_delay_s, expires_in_s, next_run_at, last_execution_at, last_execution_status, inserted_at, updated_at
  from tasks)sql";

Task task_from(const Query& row) {
  int column = 0;
  const auto read = [&]<class T>(T& value) { value = row.get<T>(column++); };
  Task task;
  TaskSpec& spec = task.spec;
  read(task.id);
  read(task.organization_id);
  read(spec.name);
  read(spec.url);
  read(spec.method);
  spec.headers = headers_from_json(row.get<std::string>(column++));
  read(spec.body);
  read(spec.schedule_type);
  read(spec.cron_expression);
  read(spec.timezone);
  read(spec.scheduled_at);
  read(spec.enabled);
  read(spec.timeout);
  read(spec.retry_attempts);
  read(spec.callback_url);
  read(spec.on_failure_url);
  read(spec.on_recovery_url);
  read(spec.expected_status_codes);
  read(spec.expected_body_pattern);
  read(spec.queue);
  read(spec.notify_on_failure);
  read(spec.notify_on_recovery);
  read(spec.misfire);
  read(spec.overlap);
  read(spec.retry_delay);
  read(spec.retry_max_delay);
  read(spec.expires_in);
  read(task.next_run_at);
  read(task.last_execution_at);
  read(task.last_execution_status);
  read(task.inserted_at);
  read(task.updated_at);
  return task;
}

const std::string select_execution = R"sql(
  select executions.id, executions.task_id, executions.organization_id, executions.run_id, executions.attempt,
    executions.status, executions.scheduled_for, executions.started_at, executions.finished_at, executions.status_code,
    executions.duration_ms, executions.error_message)sql";

Execution execution_from(const Query& row) {
  int column = 0;
  const auto read = [&]<class T>(T& value) { value = row.get<T>(column++); };
  Execution execution;
  read(execution.id);
  read(execution.task_id);
  read(execution.organization_id);
  read(execution.run_id);
  read(execution.attempt);
  read(execution.status);
  read(execution.scheduled_for);
  read(execution.started_at);
  read(execution.finished_at);
  read(execution.status_code);
  read(execution.duration);
  read(execution.error_message);
  return execution;
}

}  // namespace punctual::sqlite
