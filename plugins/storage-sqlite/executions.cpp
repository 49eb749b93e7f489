#include "executions.hpp"

#include <algorithm>

namespace punctual::sqlite {

bool insert_execution(Connection& connection, LineChanges& lines, const ExecutionOwner& owner,
                      const NewExecution& execution, Origin origin, const std::optional<BornClaim>& claim) {
  const auto status = claim ? ExecutionStatus::running : ExecutionStatus::pending;
  const auto node = claim ? std::optional(claim->node) : std::nullopt;
  const auto token = claim ? std::optional(claim->token) : std::nullopt;
  const bool holds = claim || origin == Origin::retry;
  const bool inserted =
      Query(connection, R"sql(
    insert into executions (id, task_id, organization_id, run_id, attempt, status, scheduled_for, node_id, claim_token,
      holds, by_schedule, queue)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    on conflict (id) do nothing)sql",
            execution.id, owner.task_id, owner.organization_id, execution.run_id, execution.attempt, status,
            execution.scheduled_for, node, token, holds, origin == Origin::schedule, owner.queue)
          .run() > 0;
  if (inserted) lines.touch(owner.organization_id, owner.queue);
  return inserted;
}

bool end_claim(Connection& connection, LineChanges& lines, const ClaimRef& claim, ClaimEnd end) {
  TaskId task;
  std::optional<Time> cancelled_at;
  {
    Query freed(connection, R"sql(
      update executions
      set status = 'pending', node_id = null, claim_token = null, rescues = rescues + ?3
      where id = ?1
        and status = 'running'
        and claim_token = ?2
      returning task_id, organization_id, queue, cancelled_at)sql",
                claim.id, claim.token, end == ClaimEnd::rescued ? 1 : 0);
    if (!freed.next()) return false;
    task = freed.get<TaskId>(0);
    cancelled_at = freed.get<std::optional<Time>>(3);
    lines.touch(freed.get<OrganizationId>(1), freed.get<std::optional<std::string>>(2));
  }
  Query(connection, R"sql(
    update executions
    set status = 'cancelled', finished_at = coalesce(cancelled_at, tasks.deleted_at)
    from tasks
    where executions.id = ?1
      and tasks.id = ?2
      and (tasks.deleted_at is not null or executions.cancelled_at is not null))sql",
        claim.id, task)
      .run();
  if (cancelled_at) (void)fold_into_task(connection, task, ExecutionStatus::cancelled, *cancelled_at);
  return true;
}

std::vector<LiveExecution> live_executions(Connection& connection, TaskId task) {
  std::vector<LiveExecution> out;
  Query live(connection, R"sql(
    select id, organization_id, task_id, status, claim_token, scheduled_for, by_schedule, queue, run_id,
      held_host is not null
    from executions
    where task_id = ?1
      and status in ('pending', 'running')
      and finished_at is null)sql",
             task);
  while (live.next()) {
    out.push_back({live.get<ExecutionId>(0), live.get<OrganizationId>(1), live.get<TaskId>(2),
                   live.get<ExecutionStatus>(3), live.get<std::optional<ClaimToken>>(4), live.get<Time>(5),
                   live.get<bool>(6), live.get<std::optional<std::string>>(7), live.get<ExecutionId>(8),
                   live.get<bool>(9)});
  }
  std::sort(out.begin(), out.end(), [](const LiveExecution& a, const LiveExecution& b) {
    return std::tie(a.scheduled_for, a.id) < std::tie(b.scheduled_for, b.id);
  });
  return out;
}

bool has_live_execution(Connection& connection, TaskId task) {
  return Query(connection, R"sql(
    select 1
    from executions
    where task_id = ?1
      and status in ('pending', 'running')
      and finished_at is null
    limit 1)sql",
               task)
      .next();
}

void let_go(Connection& connection, LineChanges& lines, const LiveExecution& execution) {
  Query(connection, R"sql(
    update executions
    set held_host = null, hold_ends = null
    where id = ?1
      and status = 'pending')sql",
        execution.id)
      .run();
  lines.touch(execution.organization_id, execution.queue);
}

void cancel_pending(Connection& connection, LineChanges& lines, const LiveExecution& execution, Time at) {
  Query(connection, R"sql(
    update executions
    set status = 'cancelled', finished_at = ?2
    where id = ?1
      and status = 'pending')sql",
        execution.id, at)
      .run();
  lines.touch(execution.organization_id, execution.queue);
}

void mark_followed(Connection& connection, ExecutionId id) {
  Query(connection, R"sql(
    update executions
    set followed = 1
    where id = ?1)sql",
        id)
      .run();
}

std::optional<Time> fold_into_task(Connection& connection, TaskId task, ExecutionStatus status, Time finished_at,
                                   std::optional<bool> run_failed) {
  Query row(connection, R"sql(
    update tasks
    set last_execution_status = iif(last_execution_at > ?2, last_execution_status, ?3),
      last_execution_at = max(coalesce(last_execution_at, ?2), ?2),
      failing_before = failing_since,
      failing_since = case ?4 when 1 then coalesce(failing_since, ?2) when 0 then null else failing_since end,
      next_run_at = case
        when schedule_type = 'cron' then next_run_at
        when deleted_at is null then (
          select min(scheduled_for)
          from executions
          where task_id = ?1
            and status = 'pending'
            and finished_at is null)
      end
    where id = ?1
    returning failing_before)sql",
            task, finished_at, status, run_failed);
  return row.next() ? row.get<std::optional<Time>>(0) : std::nullopt;
}

void refresh_next_run(Connection& connection, TaskId task) {
  Query(connection, R"sql(
    update tasks
    set next_run_at = (
      select min(scheduled_for)
      from executions
      where task_id = ?1
        and status = 'pending'
        and finished_at is null)
    where id = ?1
      and schedule_type = 'once')sql",
        task)
      .run();
}

}  // namespace punctual::sqlite
