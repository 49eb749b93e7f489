#include "task_changes.hpp"

#include <algorithm>
#include <map>

#include "header_lines.hpp"
#include "hot_path.hpp"
#include "live_executions.hpp"
#include "monthly_quotas.hpp"
#include "replies.hpp"
#include "task_pages.hpp"

namespace punctual::postgres {
namespace {

// The executions of tasks that a change may touch: the pending ones and those that this node has claimed and not sent.
// nullopt: another node has one and has not said what it does with it.
// `new_line`: where they may go.
std::optional<std::vector<LiveExecution>> changeable(Session& session, const TaskWrite& write,
                                                     std::span<const TaskId> tasks,
                                                     const std::optional<std::string>& new_line = std::nullopt) {
  auto live = live_executions(session, tasks);
  std::erase_if(live, [&](const LiveExecution& one) { return is_under_way(write, one); });
  if (std::any_of(live.begin(), live.end(),
                  [&](const LiveExecution& one) { return one.node && one.node != write.node; })) {
    return std::nullopt;
  }
  lock_unchanged(session, live, new_line);
  return live;
}

// Makes all of `executions` pending; the claims that ended by it.
std::vector<ClaimRef> revoke_claims(Session& session, std::vector<LiveExecution>& executions) {
  std::vector<ClaimRef> revoked;
  for (LiveExecution& one : executions) {
    if (!one.token) continue;
    revoked.push_back({one.id, *one.token});
    one.status = ExecutionStatus::pending;
    one.token.reset();
  }
  if (!revoked.empty()) release_claims(session, revoked);
  return revoked;
}

void place_anew(Session& session, const LiveExecution& one, const std::optional<std::string>& queue, Time due,
                Time now) {
  // A retry keeps the head of its own line, everything else takes the place of its time.
  static const std::string sql = R"sql(
    update executions_keep
    set scheduled_for = $2, queue = $3, line_at = $4, line_seq = $5, holds = (attempt > 1 and queue is not distinct from $3)
    where id = $1)sql";
  const auto place = take_place(session, one.organization_id, queue, due, now);
  (void)session.run(sql, one.id, due, queue, place ? std::optional(place->at) : std::nullopt,
                    place ? std::optional(place->seq) : std::nullopt);
  if (one.queue != queue) lower_line(session, one.organization_id, one.queue, now);
}

void forget_execution(Session& session, const LiveExecution& one, Time now) {
  static const std::string sql = R"sql(
    delete from executions_keep
    where id = $1)sql";
  (void)session.run(sql, one.id);
  lower_line(session, one.organization_id, one.queue, now);
}

// The pending execution that the time of a one-time task is about: that of its own run, not one that was triggered. Ids are
// in the order of their making, and a task's own run is made with it.
const LiveExecution* own_execution(Session& session, TaskId task, const std::vector<LiveExecution>& pending) {
  // There is no min(uuid).
  static const std::string sql = R"sql(
    select run_id
    from executions
    where task_id = $1
    order by run_id
    limit 1)sql";
  const Rows first = session.run(sql, task);
  if (first.empty()) return nullptr;
  const auto own = first.get<ExecutionId>(0, 0);
  const auto found =
      std::find_if(pending.begin(), pending.end(), [&](const LiveExecution& one) { return one.run_id == own; });
  return found == pending.end() ? nullptr : &*found;
}

void change_pending(Session& session, const TaskWrite& write, const TaskUpdate& change, const LiveExecution* own,
                    const std::vector<LiveExecution>& pending) {
  const auto& queue = change.task.spec.queue;
  for (const LiveExecution& one : pending) {
    if (change.pending == PendingChange::forget && one.by_schedule && one.scheduled_for > write.now) {
      forget_execution(session, one, write.now);
    } else if (change.pending == PendingChange::move && &one == own) {
      place_anew(session, one, queue, change.move_to, write.now);
    } else if (one.queue != queue) {
      place_anew(session, one, queue, one.scheduled_for, write.now);
    }
  }
}

// An occurrence that was materialised since the task was read must not come twice.
std::optional<Time> next_run_after(const Task& stored, const TaskUpdate& change) {
  const TaskSpec& before = stored.spec;
  const TaskSpec& after = change.task.spec;
  const bool same_schedule = before.cron_expression == after.cron_expression && before.timezone == after.timezone &&
                             before.enabled == after.enabled;
  return same_schedule && change.pending != PendingChange::forget ? stored.next_run_at : change.task.next_run_at;
}

// Everything a client decides; what executions left behind stays as it is in storage.
void write_task(Session& session, const Task& task, const std::optional<Time>& next_run_at) {
  static const std::string sql = R"sql(
    update tasks
    set updated_at = $2, next_run_at = $3, schedule_type = $4, enabled = $5, queue = $6, cron_expression = $7,
      timezone = $8, scheduled_at = $9, misfire = $10, overlap = $11, timeout_ms = $12, retry_attempts = $13,
      retry_delay_s = $14, retry_max_delay_s = $15, expires_in_s = $16, notify_on_failure = $17,
      notify_on_recovery = $18, method = $19, name = $20, url = $21, callback_url = $22, on_failure_url = $23,
      on_recovery_url = $24, expected_status_codes = $25, expected_body_pattern = $26, headers = $27, body = $28,
      tier = tier_after(tier, id, $2)
    where id = $1)sql";
  const TaskSpec& spec = task.spec;
  const std::string headers = header_lines(spec.headers);
  (void)session.run(sql, task.id, task.updated_at, next_run_at, spec.schedule_type, spec.enabled, spec.queue,
                    spec.cron_expression, spec.timezone, spec.scheduled_at, spec.misfire, spec.overlap, spec.timeout,
                    std::int32_t{spec.retry_attempts}, spec.retry_delay, spec.retry_max_delay, spec.expires_in,
                    spec.notify_on_failure, spec.notify_on_recovery, spec.method, spec.name, spec.url,
                    spec.callback_url, spec.on_failure_url, spec.on_recovery_url, spec.expected_status_codes,
                    spec.expected_body_pattern, Bytes{headers}, Bytes{spec.body});
}

void delete_tasks(Session& session, std::span<const TaskId> tasks, Time now) {
  static const std::string sql = R"sql(
    update tasks
    set deleted_at = $2, updated_at = $2, next_run_at = null, tier = tier_after(tier, tasks.id, $2)
    from unnest($1::uuid[]) as named (id)
    where tasks.id = named.id)sql";
  Parameters parameters;
  parameters.add_each(tasks, [](TaskId task) { return task; });
  parameters.add(now);
  (void)session.run(sql, parameters);
}

// The tasks that have a pending execution in a queue, claimed ones that are not under way counted; locked.
std::vector<TaskId> waiting_in_queue(Session& session, const TaskWrite& write, std::string_view queue) {
  static const std::string sql = R"sql(
    select tasks.id
    from (
      select distinct task_id
      from executions_keep
      where organization_id = $1
        and queue = $2
        and status in ('pending', 'running')
      order by task_id) waits
    join lateral (select id, deleted_at from tasks where tasks.id = waits.task_id for no key update) tasks
      on tasks.deleted_at is null)sql";
  const Rows rows = session.run(sql, write.organization_id, queue);
  std::vector<TaskId> tasks;
  for (std::size_t at = 0; at < rows.size(); ++at) tasks.push_back(rows.get<TaskId>(at, 0));
  return tasks;
}

// Nothing of a line is claimed before `until`, unless that is taken back (nullopt).
void hold_line(Session& session, const TaskWrite& write, std::string_view queue, const std::optional<Time>& until) {
  static const std::string sql = R"sql(
    update queues
    set held_until = $3
    where organization_id = $1
      and name = $2
      and held_until is distinct from $3)sql";
  (void)session.run(sql, write.organization_id, queue, until);
}

// For how long a line is held for a deletion that has to be tried again.
constexpr seconds hold_time{1};

}  // namespace

TaskWriteOutcome update_task(Session& session, const TaskWrite& write, const TaskUpdate& change) {
  if (auto earlier = replayed(session, write)) return *std::move(earlier);
  const auto stored = lock_task(session, write.organization_id, write.task_id);
  if (!stored) return refused(session, write, WriteResult::not_found);
  if (stored->updated_at != change.expected_version) return refused(session, write, WriteResult::stale);
  auto executions = changeable(session, write, {&write.task_id, 1}, change.task.spec.queue);
  if (!executions) return refused(session, write, WriteResult::held_elsewhere);
  const LiveExecution* own = nullptr;
  if (change.pending == PendingChange::move) {
    own = own_execution(session, write.task_id, *executions);
    if (own == nullptr) return refused(session, write, WriteResult::conflict);
  }
  TaskWriteOutcome outcome;
  outcome.revoked = revoke_claims(session, *executions);
  outcome.let_go = let_go_held(session, *executions);
  change_pending(session, write, change, own, *executions);
  write_task(session, change.task, next_run_after(*stored, change));
  refresh_next_run(session, write.task_id);
  write_audit(session, write.audit);
  return outcome;
}

TaskWriteOutcome remove_task(Session& session, const TaskWrite& write,
                             const std::function<void(const Task&)>& removing) {
  if (auto earlier = replayed(session, write)) return *std::move(earlier);
  const auto stored = lock_task(session, write.organization_id, write.task_id);
  if (!stored) return refused(session, write, WriteResult::not_found);
  auto revoked = remove_tasks(session, write, {&write.task_id, 1});
  if (!revoked) return refused(session, write, WriteResult::held_elsewhere);
  if (removing) removing(*stored);
  write_audit(session, write.audit);
  return {WriteResult::applied, std::nullopt, *std::move(revoked)};
}

std::optional<std::vector<ClaimRef>> remove_tasks(Session& session, const TaskWrite& write,
                                                  std::span<const TaskId> tasks) {
  auto executions = changeable(session, write, tasks);
  if (!executions) return std::nullopt;
  auto revoked = revoke_claims(session, *executions);
  cancel_pending(session, *executions, write.now);
  delete_tasks(session, tasks, write.now);
  return revoked;
}

TaskWriteOutcome add_run(Session& session, const TaskWrite& write, const NewExecution& execution) {
  if (auto earlier = replayed(session, write)) return *std::move(earlier);
  const auto left = lock_quota(session, write.organization_id, write.now);
  const auto task = lock_task(session, write.organization_id, write.task_id);
  if (!task) return refused(session, write, WriteResult::not_found);
  if (left == 0u) return refused(session, write, WriteResult::limit_exceeded);
  if (left) (void)take_quota(session, write.organization_id, write.now, 1);
  insert_pending(session, {execution, task->id, task->organization_id, task->spec.queue}, write.now);
  refresh_next_run(session, write.task_id);
  return {};
}

TaskWriteOutcome remove_queue(Session& session, const TaskWrite& write, std::string_view queue,
                              const std::function<StoredReply(std::size_t)>& reply) {
  if (auto earlier = replayed(session, write)) return *std::move(earlier);
  auto tasks = waiting_in_queue(session, write, queue);
  auto executions = changeable(session, write, tasks);
  if (!executions) {
    // Where several run at once, others would claim the next ones until this is tried again.
    hold_line(session, write, queue, write.now + hold_time);
    return refused(session, write, WriteResult::held_elsewhere);
  }
  // Deleted are those that wait in this queue: not those that are under way here and wait elsewhere or not at all.
  std::erase_if(tasks, [&](TaskId task) {
    return std::none_of(executions->begin(), executions->end(), [&](const LiveExecution& one) {
      return one.task_id == task && one.queue == std::optional<std::string>(queue);
    });
  });
  std::erase_if(*executions, [&](const LiveExecution& one) {
    return std::find(tasks.begin(), tasks.end(), one.task_id) == tasks.end();
  });
  TaskWriteOutcome outcome;
  outcome.revoked = revoke_claims(session, *executions);
  cancel_pending(session, *executions, write.now);
  delete_tasks(session, tasks, write.now);
  hold_line(session, write, queue, std::nullopt);
  const StoredReply made = reply(tasks.size());
  if (!tasks.empty()) write_audit(session, write.audit);
  if (write.idempotency) replace_reply(session, write.organization_id, write.idempotency->key, made);
  return outcome;
}

}  // namespace punctual::postgres
