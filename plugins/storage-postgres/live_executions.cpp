#include "live_executions.hpp"

#include <algorithm>
#include <set>

#include "sql_errors.hpp"

namespace punctual::postgres {

bool is_under_way(const TaskWrite& write, const LiveExecution& one) {
  if (one.status != ExecutionStatus::running) return false;
  if (one.node != write.node) return one.started_at.has_value();
  return std::find(write.sending.begin(), write.sending.end(), one.id) != write.sending.end();
}

std::vector<LiveExecution> live_executions(Session& session, std::span<const TaskId> tasks) {
  static const std::string sql = R"sql(
    select live.id, live.organization_id, live.task_id, live.status, live.claim_token, live.node_id, live.started_at,
      live.scheduled_for, live.by_schedule, live.queue, live.run_id, live.attempt, live.held_host is not null
    from unnest($1::uuid[]) as named (task_id)
    cross join lateral (
      select *
      from executions
      where executions.task_id = named.task_id
        and finished_at is null) live
    order by live.scheduled_for, live.id)sql";
  Parameters parameters;
  parameters.add_each(tasks, [](TaskId task) { return task; });
  const Rows rows = session.run(sql, parameters);
  std::vector<LiveExecution> out(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) {
    RowReader row(rows, at);
    LiveExecution& one = out[at];
    row.read(one.id);
    row.read(one.organization_id);
    row.read(one.task_id);
    row.read(one.status);
    row.read(one.token);
    row.read(one.node);
    row.read(one.started_at);
    row.read(one.scheduled_for);
    row.read(one.by_schedule);
    row.read(one.queue);
    row.read(one.run_id);
    row.read(one.attempt);
    row.read(one.held);
  }
  return out;
}

void lock_lines(Session& session, OrganizationId organization, const std::set<std::string>& names) {
  if (names.empty()) return;
  static const std::string sql = R"sql(
    select
    from queues
    where organization_id = $1
      and name = any ($2)
    order by name
    for update)sql";
  Parameters parameters(organization);
  parameters.add_each(names, [](const std::string& name) { return std::string_view(name); });
  (void)session.run(sql, parameters);
}

void lock_unchanged(Session& session, std::span<const LiveExecution> executions,
                    const std::optional<std::string>& further_line) {
  if (executions.empty()) return;
  std::set<std::string> names;
  for (const LiveExecution& one : executions) {
    if (one.queue) names.insert(*one.queue);
  }
  if (further_line) names.insert(*further_line);
  lock_lines(session, executions.front().organization_id, names);
  static const std::string sql = R"sql(
    select locked.id
    from (select * from unnest($1::uuid[], $2::bigint[]) as named (id, token) order by id) named
    join lateral (
      select id
      from executions
      where executions.id = named.id
        and executions.claim_token is not distinct from named.token
        and finished_at is null
      for update) locked on true)sql";
  Parameters parameters;
  parameters.add_each(executions, [](const LiveExecution& one) { return one.id; });
  parameters.add_each(executions, [](const LiveExecution& one) { return one.token; });
  if (session.run(sql, parameters).size() != executions.size()) {
    throw Collision("an execution was claimed while its task was being changed");
  }
}

bool let_go_held(Session& session, std::span<const LiveExecution> executions) {
  std::vector<ExecutionId> held;
  for (const LiveExecution& one : executions) {
    if (one.held) held.push_back(one.id);
  }
  if (held.empty()) return false;
  static const std::string sql = R"sql(
    update executions_keep
    set held_host = null, hold_ends = null
    where id = any ($1))sql";
  Parameters parameters;
  parameters.add_each(held, [](ExecutionId id) { return id; });
  (void)session.run(sql, parameters);
  for (const LiveExecution& one : executions) {
    if (one.held) lower_line(session, one.organization_id, one.queue, one.scheduled_for);
  }
  return true;
}

void cancel_pending(Session& session, std::span<const LiveExecution> executions, Time at) {
  if (executions.empty()) return;
  static const std::string sql = R"sql(
    update executions_keep
    set status = 'cancelled', finished_at = $2
    where id = any ($1)
      -- Pending, in words that no partial index answers to: a plan made while there was nothing would walk one.
      and claim_token is null
      and finished_at is null)sql";
  Parameters parameters;
  parameters.add_each(executions, [](const LiveExecution& one) { return one.id; });
  parameters.add(at);
  (void)session.run(sql, parameters);
  for (const LiveExecution& one : executions) lower_line(session, one.organization_id, one.queue, at);
}

std::optional<LinePlace> take_place(Session& session, OrganizationId organization,
                                    const std::optional<std::string>& queue, Time due, Time now) {
  if (!queue) return std::nullopt;
  static const std::string sql = R"sql(
    insert into queues as line (organization_id, name, tail, ready_at)
    values ($1, $2, case when $3 <= $4 then $3 end, $3)
    on conflict (organization_id, name) do update
    set tail = greatest(line.tail, excluded.tail), ready_at = least(line.ready_at, excluded.ready_at)
    returning case when $3 <= $4 then greatest($3, tail) else $3 end, nextval('line_places'))sql";
  const Rows place = session.run(sql, organization, *queue, due, now);
  return LinePlace{place.get<Time>(0, 0), place.get<std::int64_t>(0, 1)};
}

void insert_pending(Session& session, const PlacedExecution& placed, Time now) {
  static const std::string sql = R"sql(
    insert into executions (id, task_id, organization_id, run_id, scheduled_for, line_at, line_seq, attempt, status, tier,
      holds, by_schedule, queue)
    values ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', 'k', false, false, $9)
    on conflict do nothing)sql";
  const NewExecution& one = placed.execution;
  const auto place = take_place(session, placed.organization_id, placed.queue, one.scheduled_for, now);
  (void)session.run(sql, one.id, placed.task_id, placed.organization_id, one.run_id, one.scheduled_for,
                    place ? std::optional(place->at) : std::nullopt, place ? std::optional(place->seq) : std::nullopt,
                    std::int32_t{one.attempt}, placed.queue);
}

void lower_line(Session& session, OrganizationId organization, const std::optional<std::string>& queue, Time at) {
  if (!queue) return;
  static const std::string sql = R"sql(
    insert into queues as line (organization_id, name, ready_at)
    values ($1, $2, $3)
    on conflict (organization_id, name) do update
    set ready_at = least(line.ready_at, excluded.ready_at))sql";
  (void)session.run(sql, organization, *queue, at);
}

void refresh_next_run(Session& session, TaskId task) {
  static const std::string sql = "select refresh_next_runs(array[$1::uuid])";
  (void)session.run(sql, task);
}

}  // namespace punctual::postgres
