#include "execution_pages.hpp"

#include "rows.hpp"

namespace punctual::sqlite {
namespace {

// Every execution of the list is before this one in its order, read backwards.
ExecutionCursor upper_bound(const ExecutionQuery& query) {
  ExecutionCursor bound{Time::max(), {}};
  bound.id.value.bytes.fill(0xff);
  if (query.after) bound = *query.after;
  // Before the smallest id of an instant is before the instant.
  if (query.until && *query.until <= bound.scheduled_for) bound = {*query.until, {}};
  return bound;
}

// A claimed execution that is due later is pending to the reader.
const std::string list_filters = R"sql(
      and (scheduled_for, id) < (?2, ?3)
      and scheduled_for >= ?4
      and (?5 is null or iif(status = 'running' and scheduled_for > ?6, 'pending', status) = ?5)
      and (?7 is null or queue = ?7)
      and (?10 is null or finished_at is null or finished_at >= ?10)
    order by scheduled_for desc, id desc
    limit ?8
    offset ?9)sql";

}  // namespace

std::optional<ExecutionDetail> find_execution(Connection& connection, OrganizationId organization, ExecutionId id) {
  // What has not been sent yet would be sent as the task says now.
  static const std::string sql = select_execution + R"sql(,
      responses.body, coalesce(responses.headers, '[]'), coalesce(responses.request_method, tasks.method),
      coalesce(responses.request_url, tasks.url)
    from executions
    join tasks on tasks.id = executions.task_id
    left join responses on responses.execution_id = executions.id
    where executions.id = ?1
      and executions.organization_id = ?2)sql";
  Query row(connection, sql, id, organization);
  if (!row.next()) return std::nullopt;
  ExecutionDetail detail;
  detail.execution = execution_from(row);
  detail.response_body = row.get<std::optional<std::string>>(execution_columns);
  detail.response_headers = headers_from_json(row.get<std::string>(execution_columns + 1));
  detail.request_method = row.get<Method>(execution_columns + 2);
  detail.request_url = row.get<std::string>(execution_columns + 3);
  return detail;
}

Page<Execution> list_executions(Connection& connection, const ExecutionQuery& query) {
  static const std::string of_organization = select_execution + R"sql(
    from executions
    where organization_id = ?1)sql" + list_filters;
  static const std::string of_task = select_execution + R"sql(
    from executions
    where +organization_id = ?1
      and task_id = ?11)sql" + list_filters;
  const ExecutionCursor bound = upper_bound(query);
  const Time since = query.since.value_or(Time::min());
  const std::size_t offset = query.after ? 0 : query.offset;
  Page<Execution> page;
  const auto collect = [&](const std::string& sql, const auto&... task) {
    Query rows(connection, sql, query.organization_id, bound.scheduled_for, bound.id, since, query.status, query.now,
               query.queue, query.limit + 1, offset, query.kept_since, task...);
    while (rows.next()) page.items.push_back(execution_from(rows));
  };
  if (query.task_id) {
    collect(of_task, *query.task_id);
  } else {
    collect(of_organization);
  }
  page.has_more = page.items.size() > query.limit;
  if (page.has_more) page.items.resize(query.limit);
  return page;
}

}  // namespace punctual::sqlite
