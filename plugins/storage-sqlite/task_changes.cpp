#include "task_changes.hpp"

#include <algorithm>

#include "executions.hpp"
#include "monthly_quotas.hpp"
#include "replies.hpp"
#include "rows.hpp"
#include "task_pages.hpp"

namespace punctual::sqlite {
namespace {

bool is_under_way(const TaskWrite& write, const LiveExecution& execution) {
  return execution.status == ExecutionStatus::running &&
         std::find(write.sending.begin(), write.sending.end(), execution.id) != write.sending.end();
}

// The executions of a task that a change may touch: the pending ones and those claimed but not under way.
std::vector<LiveExecution> changeable(Connection& connection, const TaskWrite& write, TaskId task) {
  auto live = live_executions(connection, task);
  std::erase_if(live, [&](const LiveExecution& execution) { return is_under_way(write, execution); });
  return live;
}

// Makes all of `executions` pending; the claims that ended by it.
std::vector<ClaimRef> revoke_claims(Connection& connection, LineChanges& lines,
                                    std::vector<LiveExecution>& executions) {
  std::vector<ClaimRef> revoked;
  for (LiveExecution& execution : executions) {
    if (!execution.token) continue;
    const ClaimRef claim{execution.id, *execution.token};
    (void)end_claim(connection, lines, claim, ClaimEnd::given_back);
    execution.status = ExecutionStatus::pending;
    execution.token.reset();
    revoked.push_back(claim);
  }
  return revoked;
}

// A retry keeps the head of its line, a first attempt takes the place of its new time.
void move_execution(Connection& connection, LineChanges& lines, const LiveExecution& execution, Time to) {
  Query(connection, R"sql(
    update executions
    set scheduled_for = ?2, holds = (attempt > 1)
    where id = ?1)sql",
        execution.id, to)
      .run();
  lines.touch(execution.organization_id, execution.queue);
}

void move_to_queue(Connection& connection, LineChanges& lines, const LiveExecution& execution,
                   const std::optional<std::string>& queue) {
  if (execution.queue == queue) return;
  Query(connection, R"sql(
    update executions
    set queue = ?2, holds = 0
    where id = ?1)sql",
        execution.id, queue)
      .run();
  lines.touch(execution.organization_id, execution.queue);
  lines.touch(execution.organization_id, queue);
}

void forget_execution(Connection& connection, LineChanges& lines, const LiveExecution& execution) {
  Query(connection, R"sql(
    delete from executions
    where id = ?1)sql",
        execution.id)
      .run();
  lines.touch(execution.organization_id, execution.queue);
}

// The pending execution that the time of a one-time task is about: that of its own run, not one that was triggered. Ids are
// in the order of their making, and a task's own run is made with it.
const LiveExecution* own_execution(Connection& connection, TaskId task, const std::vector<LiveExecution>& pending) {
  Query first(connection, R"sql(
    select min(run_id)
    from executions
    where task_id = ?1)sql",
              task);
  if (!first.next()) return nullptr;
  const auto own = first.get<std::optional<ExecutionId>>(0);
  const auto found = std::find_if(pending.begin(), pending.end(),
                                  [&](const LiveExecution& execution) { return execution.run_id == own; });
  return found == pending.end() ? nullptr : &*found;
}

void change_pending(Connection& connection, LineChanges& lines, const TaskWrite& write, const TaskUpdate& change,
                    const std::vector<LiveExecution>& pending) {
  for (const LiveExecution& execution : pending) {
    if (change.pending == PendingChange::forget && execution.by_schedule && execution.scheduled_for > write.now) {
      forget_execution(connection, lines, execution);
    } else {
      move_to_queue(connection, lines, execution, change.task.spec.queue);
    }
  }
  if (change.pending != PendingChange::move) return;
  if (const auto* own = own_execution(connection, write.task_id, pending)) {
    move_execution(connection, lines, *own, change.move_to);
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
void write_task(Connection& connection, const Task& task, const std::optional<Time>& next_run_at) {
  const TaskSpec& spec = task.spec;
  Query(connection, R"sql(
    update tasks
    set updated_at = ?2, next_run_at = ?3, schedule_type = ?4, enabled = ?5, queue = ?6, cron_expression = ?7,
      timezone = ?8, scheduled_at = ?9, misfire = ?10, overlap = ?11, timeout_ms = ?12, retry_attempts = ?13,
      retry_delay_s = ?14, retry_max_delay_s = ?15, expires_in_s = ?16, notify_on_failure = ?17,
      notify_on_recovery = ?18, method = ?19, name = ?20, url = ?21, callback_url = ?22, on_failure_url = ?23,
      on_recovery_url = ?24, expected_status_codes = ?25, expected_body_pattern = ?26, headers = ?27, body = ?28
    where id = ?1)sql",
        task.id, task.updated_at, next_run_at, spec.schedule_type, spec.enabled, spec.queue, spec.cron_expression,
        spec.timezone, spec.scheduled_at, spec.misfire, spec.overlap, spec.timeout, spec.retry_attempts,
        spec.retry_delay, spec.retry_max_delay, spec.expires_in, spec.notify_on_failure, spec.notify_on_recovery,
        spec.method, spec.name, spec.url, spec.callback_url, spec.on_failure_url, spec.on_recovery_url,
        spec.expected_status_codes, spec.expected_body_pattern, headers_to_json(spec.headers), spec.body)
      .run();
}

// The claims that ended by it.
std::vector<ClaimRef> remove_one(Connection& connection, LineChanges& lines, const TaskWrite& write, TaskId task) {
  auto executions = changeable(connection, write, task);
  auto revoked = revoke_claims(connection, lines, executions);
  for (const LiveExecution& execution : executions) cancel_pending(connection, lines, execution, write.now);
  Query(connection, R"sql(
    update tasks
    set deleted_at = ?2, updated_at = ?2, next_run_at = null
    where id = ?1)sql",
        task, write.now)
      .run();
  return revoked;
}

// The tasks that have a pending execution in a queue, claimed ones that are not under way counted.
std::vector<TaskId> waiting_in_queue(Connection& connection, const TaskWrite& write, std::string_view queue) {
  std::vector<LiveExecution> live;
  {
    Query rows(connection, R"sql(
      select id, organization_id, task_id, status
      from executions
      where organization_id = ?1
        and queue = ?2
        and status in ('pending', 'running')
        and finished_at is null)sql",
               write.organization_id, queue);
    while (rows.next()) {
      live.push_back(
          {rows.get<ExecutionId>(0), rows.get<OrganizationId>(1), rows.get<TaskId>(2), rows.get<ExecutionStatus>(3)});
    }
  }
  std::vector<TaskId> tasks;
  for (const LiveExecution& execution : live) {
    if (!is_under_way(write, execution)) tasks.push_back(execution.task_id);
  }
  std::sort(tasks.begin(), tasks.end());
  tasks.erase(std::unique(tasks.begin(), tasks.end()), tasks.end());
  // What was returned by a dead server after its task had been deleted is cancelled already; a task is deleted once.
  std::erase_if(tasks, [&](TaskId task) { return !find_task(connection, write.organization_id, task); });
  return tasks;
}

}  // namespace

TaskWriteOutcome update_task(Connection& connection, const TaskWrite& write, const TaskUpdate& change) {
  if (auto earlier = replayed(connection, write)) return *std::move(earlier);
  const auto stored = find_task(connection, write.organization_id, write.task_id);
  if (!stored) return {WriteResult::not_found, std::nullopt, {}};
  if (stored->updated_at != change.expected_version) return {WriteResult::stale, std::nullopt, {}};
  auto executions = changeable(connection, write, write.task_id);
  if (change.pending == PendingChange::move && own_execution(connection, write.task_id, executions) == nullptr) {
    return {WriteResult::conflict, std::nullopt, {}};
  }

  LineChanges lines(connection);
  TaskWriteOutcome outcome;
  outcome.revoked = revoke_claims(connection, lines, executions);
  for (const LiveExecution& execution : executions) {
    if (!execution.held) continue;
    let_go(connection, lines, execution);
    outcome.let_go = true;
  }
  change_pending(connection, lines, write, change, executions);
  lines.refresh();
  write_task(connection, change.task, next_run_after(*stored, change));
  refresh_next_run(connection, write.task_id);
  write_audit(connection, write.audit);
  keep_reply(connection, write);
  return outcome;
}

TaskWriteOutcome remove_task(Connection& connection, const TaskWrite& write,
                             const std::function<void(const Task&)>& removing) {
  if (auto earlier = replayed(connection, write)) return *std::move(earlier);
  const auto stored = find_task(connection, write.organization_id, write.task_id);
  if (!stored) return {WriteResult::not_found, std::nullopt, {}};
  if (removing) removing(*stored);
  LineChanges lines(connection);
  TaskWriteOutcome outcome;
  outcome.revoked = remove_one(connection, lines, write, write.task_id);
  lines.refresh();
  write_audit(connection, write.audit);
  keep_reply(connection, write);
  return outcome;
}

TaskWriteOutcome add_run(Connection& connection, const TaskWrite& write, const NewExecution& execution) {
  if (auto earlier = replayed(connection, write)) return *std::move(earlier);
  const auto task = find_task(connection, write.organization_id, write.task_id);
  if (!task) return {WriteResult::not_found, std::nullopt, {}};
  QuotaBook quotas(connection);
  if (!quotas.has_room(write.organization_id, write.now)) return {WriteResult::limit_exceeded, std::nullopt, {}};
  LineChanges lines(connection);
  if (insert_execution(connection, lines, {task->id, task->organization_id, task->spec.queue}, execution,
                       Origin::request)) {
    quotas.count(write.organization_id);
  }
  lines.refresh();
  quotas.store();
  refresh_next_run(connection, write.task_id);
  keep_reply(connection, write);
  return {};
}

TaskWriteOutcome remove_queue(Connection& connection, const TaskWrite& write, std::string_view queue,
                              const std::function<StoredReply(std::size_t)>& reply) {
  if (auto earlier = replayed(connection, write)) return *std::move(earlier);
  LineChanges lines(connection);
  TaskWriteOutcome outcome;
  const auto tasks = waiting_in_queue(connection, write, queue);
  for (const TaskId task : tasks) {
    const auto revoked = remove_one(connection, lines, write, task);
    outcome.revoked.insert(outcome.revoked.end(), revoked.begin(), revoked.end());
  }
  lines.refresh();
  const StoredReply made = reply(tasks.size());
  if (!tasks.empty()) write_audit(connection, write.audit);
  keep_reply(connection, write, made);
  return outcome;
}

}  // namespace punctual::sqlite
