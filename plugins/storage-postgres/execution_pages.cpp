#include "execution_pages.hpp"

#include <initializer_list>

#include "header_lines.hpp"
#include "rows.hpp"
#include "stored_text.hpp"

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

bool ended_without_success(ExecutionStatus status) {
  return status == ExecutionStatus::failed || status == ExecutionStatus::timeout || status == ExecutionStatus::missed ||
         status == ExecutionStatus::cancelled;
}

// Every list has these parameters: $1 the organisation, $2 and $3 the upper bound, $4 the lower, $5 the status, $6 now, $7 the
// queue, $8 how many rows, $9 how many to leave out; those of what is kept $10, since when.

const std::string bounds = R"sql(
      and (scheduled_for, id) < ($2, $3)
      and scheduled_for >= $4)sql";

const std::string in_order = R"sql(
    order by scheduled_for desc, id desc
    limit $8
    offset $9)sql";

// A claimed execution that is due later is pending to the reader, unless its server has said that it is under way.
const std::string with_status = R"sql(
      and ($5::text is null or $5 = case
        when status = 'running' and scheduled_for > $6 and started_at is null then 'pending'
        else status::text
      end))sql";

const std::string in_queue = R"sql(
      and ($7::text is null or queue = $7))sql";

std::string all_of(const std::string& filters) {
  return execution_columns + R"sql(
    from executions
    where organization_id = $1)sql" +
         filters + in_order;
}

// A part of a list that is put together of several, each read in order from an index of its own.
std::string part(const std::string& table, const std::string& filters) {
  return "(" + execution_columns + R"sql(
    from )sql" +
         table + R"sql(
    where organization_id = $1)sql" +
         filters + R"sql(
    order by scheduled_for desc, id desc
    limit $8::bigint + $9))sql";
}

std::string put_together(std::initializer_list<std::string> parts) {
  std::string sql;
  for (const std::string& one : parts) sql += (sql.empty() ? "" : "\n    union all\n    ") + one;
  return R"sql(
    select *
    from ()sql" +
         sql + ") executions" + in_order;
}

const std::string keep = "executions_keep executions";
const std::string weeks = "executions_weeks executions";

// Where less is kept than lies in the leaves. What ended in time is in a leaf that began at most its width before, or in the
// one that has no time: each is asked by itself, so that older leaves are not looked into.
std::string kept_in_keep(const std::string& filters) {
  return part(keep, filters + R"sql(
      and (finished_at is null or finished_at >= $10))sql");
}
std::string kept_in_weeks(const std::string& filters) {
  return part(weeks, filters + R"sql(
      and (finished_at is null or finished_at >= $10)
      and id >= id_floor($10 - interval '7 days'))sql");
}
std::string kept_of(const std::string& filters) {
  return put_together({kept_in_keep(filters), kept_in_weeks(filters)});
}

const std::string of_any = bounds + with_status + in_queue;
std::string of_task(const std::string& place) {
  return R"sql(
      and task_id = )sql" +
         place + bounds + with_status + in_queue;
}
const std::string of_queue = R"sql(
      and queue = $7)sql" + bounds +
                             with_status;
// The index has what was followed apart.
std::string unsuccessful(const char* which) {
  return R"sql(
      and status = $5::execution_status
      and status in ('failed', 'timeout', 'missed', 'cancelled'))sql" +
         (which + bounds) + in_queue;
}
const std::string last_of_run = unsuccessful(R"sql(
      and not followed)sql");
const std::string followed = unsuccessful(R"sql(
      and followed)sql");

// What is claimed is no more than the servers can hold; it is looked through whole. A lease is not ended before its claims.
const std::string claimed = R"sql(
    with claimed as materialized ()sql" +
                            execution_columns + R"sql(, executions.queue
    from executions
    where status = 'running'
      and node_id = any (array(select nodes.id from nodes))))sql";

const std::string of_claimed = R"sql(
    select id, task_id, organization_id, run_id, attempt, status, scheduled_for, started_at, finished_at, status_code,
      duration_ms, error_message
    from claimed
    where organization_id = $1)sql" +
                               bounds + with_status + in_queue;

const std::string first_of_claimed = "(" + of_claimed + R"sql(
    order by scheduled_for desc, id desc
    limit $8::bigint + $9))sql";

// What waits, by the index that knows it.
const std::string waiting = R"sql(
      and status = 'pending'
      and queue is null
      and held_host is null
      and $7::text is null)sql" +
                            bounds;
const std::string held = R"sql(
      and status = 'pending'
      and queue is null
      and held_host is not null
      and $7::text is null)sql" +
                         bounds;
const std::string queued = R"sql(
      and status = 'pending'
      and queue is not null)sql" +
                           bounds + in_queue;

}  // namespace

const std::string page_of_executions = all_of(of_any);
const std::string page_of_executions_of_task = all_of(of_task("$10"));
const std::string page_of_executions_of_queue = all_of(of_queue);
const std::string page_of_unsuccessful_executions =
    put_together({part("executions", last_of_run), part("executions", followed)});

const std::string page_of_kept_executions = kept_of(of_any);
const std::string page_of_kept_executions_of_task = kept_of(of_task("$11"));
const std::string page_of_kept_executions_of_queue = kept_of(of_queue);
const std::string page_of_kept_unsuccessful_executions = put_together(
    {kept_in_keep(last_of_run), kept_in_weeks(last_of_run), kept_in_keep(followed), kept_in_weeks(followed)});

// What has not ended is kept in any case.
const std::string page_of_running_executions = claimed + of_claimed + in_order;

const std::string page_of_pending_executions =
    claimed + put_together({part(keep, waiting), part(keep, held), part(keep, queued), first_of_claimed});

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

namespace {

const std::string& page_for(const ExecutionQuery& query) {
  const bool kept = query.kept_since.has_value();
  if (query.task_id) return kept ? page_of_kept_executions_of_task : page_of_executions_of_task;
  if (query.status == ExecutionStatus::pending) return page_of_pending_executions;
  if (query.status == ExecutionStatus::running) return page_of_running_executions;
  if (query.status && ended_without_success(*query.status)) {
    return kept ? page_of_kept_unsuccessful_executions : page_of_unsuccessful_executions;
  }
  if (query.queue) return kept ? page_of_kept_executions_of_queue : page_of_executions_of_queue;
  return kept ? page_of_kept_executions : page_of_executions;
}

}  // namespace

Page<Execution> list_executions(Session& session, const ExecutionQuery& query) {
  if (!is_storable(query.queue.value_or(""))) return {};
  const ExecutionCursor bound = upper_bound(query);
  Parameters parameters(query.organization_id, bound.scheduled_for, bound.id, query.since.value_or(Time::min()),
                        query.status, query.now, query.queue, query.limit + 1, query.after ? 0 : query.offset);
  // What has not ended is not asked since when: nothing is left out of it.
  const std::string& sql = page_for(query);
  if (query.kept_since && &sql != &page_of_pending_executions && &sql != &page_of_running_executions) {
    parameters.add(*query.kept_since);
  }
  if (query.task_id) parameters.add(*query.task_id);
  const Rows rows = session.run(sql, parameters);
  Page<Execution> page;
  for (std::size_t row = 0; row < rows.size(); ++row) page.items.push_back(execution_from(rows, row));
  page.has_more = page.items.size() > query.limit;
  if (page.has_more) page.items.resize(query.limit);
  return page;
}

}  // namespace punctual::postgres
