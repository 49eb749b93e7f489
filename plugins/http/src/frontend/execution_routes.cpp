// GET /executions, /executions/:id, /tasks/:id/executions.
#include "frontend/execution_json.hpp"
#include "frontend/paging.hpp"
#include "frontend/routes.hpp"

namespace punctual {

namespace {

Answer page_of_executions(const Call& call, ExecutionQuery query) {
  const auto wish = read_page_wish(call.query);
  query.organization_id = call.principal->organization_id;
  query.limit = wish.limit;
  query.offset = wish.offset;
  query.after = read_execution_cursor(call.query);
  query.status = call.query.named<ExecutionStatus>("status", parse_name<ExecutionStatus>);
  query.since = call.query.time("since");
  query.until = call.query.time("until");
  query.kept_since = call.engine.kept_since(*call.principal);
  const auto page = call.engine.list_executions(std::move(query));
  return {.body = page_body(page, wish, append_execution, [](const Execution& last) {
            return ExecutionCursor{last.scheduled_for, last.id};
          })};
}

}  // namespace

Answer list_executions(const Call& call) {
  ExecutionQuery query;
  query.queue = call.query.text("queue");
  if (const auto task = call.query.text("task_id")) query.task_id = id_of<TaskId>(*task);
  return page_of_executions(call, std::move(query));
}

Answer list_task_executions(const Call& call) {
  ExecutionQuery query;
  query.task_id = call.engine.find_task(*call.principal, id_of<TaskId>(call.parameter)).id;
  return page_of_executions(call, std::move(query));
}

Answer show_execution(const Call& call) {
  return {.body = execution_body(call.engine.find_execution(*call.principal, id_of<ExecutionId>(call.parameter)))};
}

}  // namespace punctual
