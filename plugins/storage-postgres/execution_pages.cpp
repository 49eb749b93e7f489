#include "execution_pages.hpp"

#include "header_lines.hpp"
#include "rows.hpp"

namespace punctual::postgres {
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

// A claimed execution that is due later is pending to the reader, unless its server has said that it is under way.
const std::string filters = R"sql(
      and (scheduled_for, id) < ($2, $3)
      and scheduled_for >= $4
      and ($5::text is null or $5 = case
        when status = 'running' and scheduled_for > $6 and started_at is null then 'pending'
        else status::text
      end)
      and ($7::text is null or queue = $7))sql";

const std::string in_order = R"sql(
    order by scheduled_for desc, id desc
    limit $8
    offset $9)sql";

}  // namespace

const std::string page_of_executions = execution_columns + R"sql(
    from executions
    where organization_id = $1)sql" + filters + in_order;

const std::string page_of_executions_of_task = execution_columns + R"sql(
    from executions
    where task_id = $10
      and organization_id = $1)sql" + filters + in_order;

namespace {

// Where less is kept than lies in the leaves. What ended in time is in a leaf that began at most its width before, or in the
// one that has no time: each is asked by itself, so that older leaves are not looked into.
std::string kept_page(const std::string& of_task) {
  const std::string recent = filters + of_task + R"sql(
      and (finished_at is null or finished_at >= $10))sql";
  const std::string first_ones = R"sql(
    order by scheduled_for desc, id desc
    limit $8::bigint + $9))sql";
  return "\n  select * from (\n  (" + execution_columns + R"sql(
    from executions_keep executions
    where organization_id = $1)sql" +
         recent + first_ones + "\n  union all\n  (" + execution_columns + R"sql(
    from executions_weeks executions
    where organization_id = $1)sql" +
         recent + R"sql(
      and id >= id_floor($10 - interval '7 days'))sql" +
         first_ones + ") executions" + in_order;
}

}  // namespace

const std::string page_of_kept_executions = kept_page("");
const std::string page_of_kept_executions_of_task = kept_page(R"sql(
      and task_id = $11)sql");

std::optional<ExecutionDetail> find_execution(Session& session, OrganizationId organization, ExecutionId id) {
  // What has not been sent yet would be sent as the task says now.
  static const std::string sql = execution_columns + R"sql(,
      executions.response_body, executions.response_headers, coalesce(executions.request_method, task.method, 'POST'),
      coalesce(executions.request_url, task.url, '')
    from executions
    left join lateral (select method, url from tasks where tasks.id = executions.task_id limit 1) task on true
    where executions.id = $1
      and executions.organization_id = $2)sql";
  const Rows rows = session.run(sql, id, organization);
  if (rows.empty()) return std::nullopt;
  ExecutionDetail detail;
  detail.execution = execution_from(rows, 0);
  detail.response_body = rows.get<std::optional<std::string>>(0, execution_column_count);
  detail.response_headers = headers_from_lines(rows.bytes(0, execution_column_count + 1));
  detail.request_method = rows.get<Method>(0, execution_column_count + 2);
  detail.request_url = rows.get<std::string>(0, execution_column_count + 3);
  return detail;
}

Page<Execution> list_executions(Session& session, const ExecutionQuery& query) {
  const ExecutionCursor bound = upper_bound(query);
  Parameters parameters(query.organization_id, bound.scheduled_for, bound.id, query.since.value_or(Time::min()),
                        query.status, query.now, query.queue, query.limit + 1, query.after ? 0 : query.offset);
  if (query.kept_since) parameters.add(*query.kept_since);
  if (query.task_id) parameters.add(*query.task_id);
  const std::string& sql = query.kept_since
                               ? (query.task_id ? page_of_kept_executions_of_task : page_of_kept_executions)
                               : (query.task_id ? page_of_executions_of_task : page_of_executions);
  const Rows rows = session.run(sql, parameters);
  Page<Execution> page;
  for (std::size_t row = 0; row < rows.size(); ++row) page.items.push_back(execution_from(rows, row));
  page.has_more = page.items.size() > query.limit;
  if (page.has_more) page.items.resize(query.limit);
  return page;
}

}  // namespace punctual::postgres
