#include "execution_changes.hpp"

#include <algorithm>

#include "functions.hpp"
#include "hot_path.hpp"
#include "live_executions.hpp"
#include "monthly_quotas.hpp"
#include "replies.hpp"
#include "rows.hpp"
#include "stored_text.hpp"
#include "undone.hpp"

namespace punctual::postgres {

// New runs of executions that have ended and are locked; how many. Rows are locked in the order executions, tasks, queues. A
// task that has been deleted since gets none.
const std::string retry_executions_function = R"sql(
create or replace function retry_executions(
  p_organization uuid, r_of uuid[], r_task uuid[], r_id uuid[], p_due timestamptz) returns bigint
language plpgsql
as $function$
#variable_conflict use_column
declare
  v_id uuid[];
begin
  perform lock_tasks(r_task);

  -- From here on nobody else stores in these lines, so that places are given in the order of the commits.
  insert into queues as line (organization_id, name, tail, ready_at)
  select p_organization, task.queue, p_due, p_due
  from unnest(r_task) as named (id)
  join lateral (select queue, deleted_at from tasks where tasks.id = named.id limit 1) task on task.deleted_at is null
  where task.queue is not null
  group by task.queue
  order by task.queue
  on conflict (organization_id, name) do update
  set tail = greatest(line.tail, excluded.tail), ready_at = least(line.ready_at, excluded.ready_at);

  with added as (
    insert into executions (id, task_id, organization_id, run_id, scheduled_for, line_at, line_seq, attempt, status, tier,
      holds, by_schedule, queue)
    select r_id[named.ord], named.task_id, p_organization, r_id[named.ord], p_due,
      case when task.queue is not null then greatest(p_due, line.tail) end,
      case when task.queue is not null then nextval('line_places') end,
      1, 'pending', 'k', false, false, task.queue
    from unnest(r_task) with ordinality as named (task_id, ord)
    join lateral (select queue, deleted_at from tasks where tasks.id = named.task_id limit 1) task
      on task.deleted_at is null
    left join lateral (
      select tail
      from queues
      where queues.organization_id = p_organization
        and queues.name = task.queue
      limit 1) line on true
    order by named.ord
    returning id
  )
  select array_agg(id) into v_id from added;
  if v_id is null then
    return 0;
  end if;

  update executions
  set followed = true
  from unnest(r_of, r_id) as named (retried, run)
  where executions.id = named.retried
    and named.run = any (v_id);

  perform refresh_next_runs(r_task);
  return cardinality(v_id);
end
$function$;
)sql";

namespace {

// One execution with what decides about its cancellation.
struct Found {
  Execution execution;
  LiveExecution live;
};

std::optional<Found> find(Session& session, OrganizationId organization, ExecutionId id) {
  static const std::string sql =
      execution_columns + R"sql(, executions.claim_token, executions.node_id, executions.queue
    from (select * from executions where id = $1 limit 1) executions
    where organization_id = $2)sql";
  const Rows rows = session.run(sql, id, organization);
  if (rows.empty()) return std::nullopt;
  Found found{execution_from(rows, 0), {}};
  const Execution& execution = found.execution;
  found.live.id = execution.id;
  found.live.organization_id = execution.organization_id;
  found.live.task_id = execution.task_id;
  found.live.status = execution.status;
  found.live.started_at = execution.started_at;
  found.live.scheduled_for = execution.scheduled_for;
  found.live.run_id = execution.run_id;
  found.live.attempt = execution.attempt;
  found.live.token = rows.get<std::optional<ClaimToken>>(0, execution_column_count);
  found.live.node = rows.get<std::optional<NodeId>>(0, execution_column_count + 1);
  found.live.queue = rows.get<std::optional<std::string>>(0, execution_column_count + 2);
  return found;
}

bool has_ended(const Execution& execution) { return execution.finished_at.has_value(); }

ExecutionWriteOutcome refused(Session& session, const TaskWrite& write, WriteResult result) {
  return postgres::refused<ExecutionWriteOutcome>(session, write, result);
}

ExecutionWriteOutcome conflict(Session& session, const TaskWrite& write, const Execution& execution) {
  auto outcome = refused(session, write, WriteResult::conflict);
  outcome.execution = execution;
  return outcome;
}

void lock_tasks(Session& session, std::span<const TaskId> tasks) {
  static const std::string sql = "select lock_tasks($1)";
  Parameters parameters;
  parameters.add_each(tasks, [](TaskId task) { return task; });
  (void)session.run(sql, parameters);
}

// Nothing else is locked: whoever ends it has this row before that of its task.
void mark_cancelled(Session& session, const LiveExecution& one, Time at) {
  static const std::string sql = R"sql(
    update executions
    set cancelled_at = coalesce(cancelled_at, $3)
    where id = $1
      and claim_token is not distinct from $2
      and finished_at is null)sql";
  if (session.run(sql, one.id, one.token, at).changed() == 0) {
    throw Collision("an execution ended while it was being cancelled");
  }
}

// The claim that is void by it, if there was one.
std::vector<ClaimRef> cancel_waiting(Session& session, const LiveExecution& one, Time at) {
  lock_tasks(session, {&one.task_id, 1});
  lock_unchanged(session, {&one, 1});
  std::vector<ClaimRef> revoked;
  if (one.token) {
    revoked.push_back({one.id, *one.token});
    release_claims(session, revoked);
  }
  cancel_pending(session, {&one, 1}, at);
  static const std::string sql = "select note_cancelled(array[$1], array[$2])";
  (void)session.run(sql, one.task_id, at);
  return revoked;
}

std::size_t add_runs(Session& session, OrganizationId organization, std::span<const Retriable> retried,
                     std::span<const ExecutionId> ids, Time due) {
  static const std::string sql = "select retry_executions($1, $2, $3, $4, $5)";
  Parameters parameters(organization);
  parameters.add_each(retried, [](const Retriable& one) { return one.id; });
  parameters.add_each(retried, [](const Retriable& one) { return one.task_id; });
  parameters.add_each(ids, [](ExecutionId id) { return id; });
  parameters.add(due);
  return static_cast<std::size_t>(session.run(sql, parameters).get<std::int64_t>(0, 0));
}

// $1 to $7: the organisation, since, until, the queue, how many, the statuses, and since when what has ended is kept; $8 the
// task.
const std::string of_organization = R"sql(
    select picked.id, picked.task_id
    from unnest($6::text[]) as wanted (status)
    cross join lateral (
      select executions.id, executions.task_id, executions.scheduled_for
      from executions
      join lateral (select deleted_at from tasks where tasks.id = executions.task_id limit 1) task
        on task.deleted_at is null
      where executions.organization_id = $1
        and executions.status = wanted.status::execution_status
        and executions.status in ('failed', 'timeout', 'missed', 'cancelled')
        and not executions.followed
        and executions.scheduled_for >= $2
        and executions.scheduled_for < $3
        and ($4::text is null or executions.queue = $4)
        and ($7::timestamptz is null or executions.finished_at >= $7)
      order by executions.scheduled_for, executions.id
      limit $5
      for no key update of executions skip locked) picked
    order by picked.scheduled_for, picked.id
    limit $5)sql";

const std::string of_task = R"sql(
    select id, task_id
    from executions
    where task_id = $8
      and organization_id = $1
      and status::text = any ($6)
      and not followed
      and scheduled_for >= $2
      and scheduled_for < $3
      and ($4::text is null or queue = $4)
      and ($7::timestamptz is null or finished_at >= $7)
    order by scheduled_for, id
    limit $5
    for no key update skip locked)sql";

}  // namespace

ExecutionWriteOutcome cancel_execution(Session& session, const TaskWrite& write, ExecutionId id, ForeignClaim foreign,
                                       const std::function<StoredReply(const Execution&)>& reply) {
  if (auto earlier = replayed<ExecutionWriteOutcome>(session, write)) return *std::move(earlier);
  auto found = find(session, write.organization_id, id);
  if (!found) return refused(session, write, WriteResult::not_found);
  if (has_ended(found->execution)) return conflict(session, write, found->execution);
  const LiveExecution& live = found->live;
  ExecutionWriteOutcome outcome;
  const bool is_elsewhere = live.node && live.node != write.node;
  if (is_under_way(write, live) || (is_elsewhere && foreign == ForeignClaim::mark)) {
    mark_cancelled(session, live, write.now);
  } else if (is_elsewhere) {
    return refused(session, write, WriteResult::held_elsewhere);
  } else {
    outcome.revoked = cancel_waiting(session, live, write.now);
    found->execution.status = ExecutionStatus::cancelled;
    found->execution.started_at.reset();
    found->execution.finished_at = write.now;
  }
  outcome.execution = std::move(found->execution);
  write_audit(session, write.audit);
  const StoredReply made = reply(*outcome.execution);
  if (write.idempotency) replace_reply(session, write.organization_id, write.idempotency->key, made);
  return outcome;
}

ExecutionWriteOutcome retry_execution(Session& session, const TaskWrite& write, ExecutionId id,
                                      const NewExecution& run) {
  if (auto earlier = replayed<ExecutionWriteOutcome>(session, write)) return *std::move(earlier);
  const auto left = lock_quota(session, write.organization_id, write.now);
  const auto found = find(session, write.organization_id, id);
  if (!found) return refused(session, write, WriteResult::not_found);
  if (!has_ended(found->execution)) return conflict(session, write, found->execution);
  static const std::string lock = "select from executions where id = $1 for no key update";
  (void)session.run(lock, id);
  const Retriable one{id, found->execution.task_id};
  if (add_runs(session, write.organization_id, {&one, 1}, {&run.id, 1}, run.scheduled_for) == 0) {
    return conflict(session, write, found->execution);
  }
  if (left == 0u) throw Undone(WriteResult::limit_exceeded);
  if (left) (void)take_quota(session, write.organization_id, write.now, 1);
  write_audit(session, write.audit);
  ExecutionWriteOutcome outcome;
  outcome.execution = found->execution;
  return outcome;
}

std::vector<Retriable> lock_retriable(Session& session, OrganizationId organization, const RetryFilter& filter,
                                      std::size_t limit) {
  if (!is_storable(filter.queue.value_or(""))) return {};
  Parameters parameters(organization, filter.since.value_or(Time::min()), filter.until.value_or(Time::max()),
                        filter.queue, limit);
  parameters.add_each(filter.statuses, [](ExecutionStatus status) { return status; });
  parameters.add(filter.kept_since);
  if (filter.task_id) parameters.add(*filter.task_id);
  const Rows rows = session.run(filter.task_id ? of_task : of_organization, parameters);
  std::vector<Retriable> out(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) {
    RowReader row(rows, at);
    row.read(out[at].id);
    row.read(out[at].task_id);
  }
  return out;
}

namespace {

ExecutionWriteOutcome retry_executions(Session& session, const TaskWrite& write, const RetryFilter& filter,
                                       std::span<const ExecutionId> ids, Time due,
                                       const std::function<StoredReply(std::size_t)>& reply) {
  if (auto earlier = replayed<ExecutionWriteOutcome>(session, write)) return *std::move(earlier);
  const OrganizationId organization = write.organization_id;
  const auto left = lock_quota(session, organization, write.now);
  const std::size_t most = left ? std::min(*left, ids.size()) : ids.size();
  // With no room it still matters whether there is one.
  const auto retried = lock_retriable(session, organization, filter, left == 0u ? 1 : most);
  if (left == 0u && !retried.empty()) return refused(session, write, WriteResult::limit_exceeded);
  const std::size_t count =
      retried.empty() ? 0 : add_runs(session, organization, retried, ids.first(retried.size()), due);
  if (left && count > 0) (void)take_quota(session, organization, write.now, count);
  const StoredReply made = reply(count);
  if (count > 0) write_audit(session, write.audit);
  if (write.idempotency) replace_reply(session, organization, write.idempotency->key, made);
  return {};
}

}  // namespace

ExecutionWriteOutcome PostgresExecutionChanges::cancel(const TaskWrite& write, ExecutionId id, ForeignClaim foreign,
                                                       const std::function<StoredReply(const Execution&)>& reply) {
  return pool_.write([&](Session& session) { return cancel_execution(session, write, id, foreign, reply); });
}

std::vector<ExecutionId> PostgresExecutionChanges::cancelled_claims(NodeId node) {
  static const std::string sql = R"sql(
    select id
    from executions
    where node_id = $1
      and status = 'running'
      and cancelled_at is not null)sql";
  const Rows rows = pool_.read([&](Session& session) { return session.run(sql, node); });
  std::vector<ExecutionId> out;
  for (std::size_t at = 0; at < rows.size(); ++at) out.push_back(rows.get<ExecutionId>(at, 0));
  return out;
}

ExecutionWriteOutcome PostgresExecutionChanges::retry(const TaskWrite& write, ExecutionId id, const NewExecution& run) {
  try {
    auto outcome = pool_.write([&](Session& session) { return retry_execution(session, write, id, run); });
    floor_.lower(run.scheduled_for);
    return outcome;
  } catch (const Undone& undone) {
    return {undone.why.result, undone.why.replay, std::nullopt, {}};
  }
}

ExecutionWriteOutcome PostgresExecutionChanges::retry_many(const TaskWrite& write, const RetryFilter& filter,
                                                           std::span<const ExecutionId> ids, Time due,
                                                           const std::function<StoredReply(std::size_t)>& reply) {
  auto outcome =
      pool_.write([&](Session& session) { return retry_executions(session, write, filter, ids, due, reply); });
  floor_.lower(due);
  return outcome;
}

}  // namespace punctual::postgres
