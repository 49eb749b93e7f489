#include <algorithm>
#include <numeric>

#include "executions.hpp"
#include "hot_path.hpp"
#include "notices.hpp"
#include "outbox.hpp"
#include "rows.hpp"

namespace punctual::sqlite {
namespace {

// What is needed of an execution that has just been finished.
struct Finished {
  TaskId task_id;
  OrganizationId organization_id;
  ExecutionId run_id;
  int attempt = 1;
  std::optional<std::string> queue;
  ExecutionStatus status = ExecutionStatus::cancelled;
};

// nullopt: the claim is not this one any more.
std::optional<Finished> finish_execution(Connection& connection, LineChanges& lines, const Settlement& settlement) {
  Query row(connection, R"sql(
    update executions
    set status = iif(cancelled_at is null, ?3, 'cancelled'), node_id = null, claim_token = null, started_at = ?4, finished_at = ?5, status_code = ?6,
      duration_ms = ?7, error_message = ?8
    where id = ?1
      and status = 'running'
      and claim_token = ?2
    returning task_id, organization_id, run_id, attempt, queue, status)sql",
            settlement.id, settlement.token, settlement.status, settlement.started_at, settlement.finished_at,
            settlement.status_code, settlement.duration, settlement.error_message);
  if (!row.next()) return std::nullopt;
  Finished finished{row.get<TaskId>(0),
                    row.get<OrganizationId>(1),
                    row.get<ExecutionId>(2),
                    row.get<int>(3),
                    row.get<std::optional<std::string>>(4),
                    row.get<ExecutionStatus>(5)};
  lines.touch(finished.organization_id, finished.queue);
  return finished;
}

void keep_response(Connection& connection, const Settlement& settlement) {
  Query(connection, R"sql(
    insert into responses (execution_id, request_method, request_url, headers, body)
    values (?1, ?2, ?3, ?4, ?5)
    on conflict (execution_id) do nothing)sql",
        settlement.id, settlement.request_method, settlement.request_url, headers_to_json(settlement.response_headers),
        settlement.response_body)
      .run();
}

// A change that a client did not make, but sees: the version must not stay what somebody has read.
void disable_task(Connection& connection, LineChanges& lines, const Finished& finished, const Settlement& settlement) {
  const AuditEntry& audit = *settlement.disable;
  const TaskId task = finished.task_id;
  const bool there = Query(connection, R"sql(
    update tasks
    set enabled = 0, next_run_at = null, updated_at = max(updated_at + 1, ?2)
    where id = ?1
      and deleted_at is null)sql",
                           task, audit.at)
                         .run() > 0;
  if (!there) return;
  for (const auto& execution : live_executions(connection, task)) {
    if (execution.status == ExecutionStatus::pending) {
      cancel_pending(connection, lines, execution, settlement.finished_at);
    }
  }
  write_audit(connection, audit);
  store_disabled_notices(connection, audit, task, settlement.id);
}

// False: the task is deleted or disabled.
bool insert_retry(Connection& connection, LineChanges& lines, ExecutionId ended, const Finished& finished,
                  const Retry& retry) {
  std::optional<std::string> queue;
  {
    Query task(connection, R"sql(
      select queue
      from tasks
      where id = ?1
        and enabled = 1
        and deleted_at is null)sql",
               finished.task_id);
    if (!task.next()) return false;
    queue = task.get<std::optional<std::string>>(0);
  }
  const NewExecution next{retry.id, finished.run_id, finished.attempt + 1, retry.scheduled_for};
  // It keeps the head of its line, but not where its task has gone to another.
  const Origin origin = queue == finished.queue ? Origin::retry : Origin::request;
  (void)insert_execution(connection, lines, {finished.task_id, finished.organization_id, queue}, next, origin);
  mark_followed(connection, ended);
  return true;
}

// Whether the run failed that ended with this attempt; nullopt: none has.
std::optional<bool> run_failed(const Finished& finished, bool retried) {
  if (retried || finished.status == ExecutionStatus::cancelled) return std::nullopt;
  return finished.status != ExecutionStatus::success;
}

// What became of the task with this end; nullopt: it fails, or works, as before.
std::optional<NoticeEvent> turn_of_task(std::optional<bool> failed, const std::optional<Time>& failing_before) {
  if (failed == true && !failing_before) return NoticeEvent::task_failed;
  if (failed == false && failing_before) return NoticeEvent::task_recovered;
  return std::nullopt;
}

void store_messages(Connection& connection, const Finished& finished, const Settlement& settlement, bool retried,
                    std::optional<NoticeEvent> turn) {
  const auto ended_as = finished.status == settlement.status ? std::nullopt : std::optional(finished.status);
  const MessageSource source{finished.organization_id, finished.task_id, settlement.id, !retried, ended_as,
                             settlement.finished_at};
  for (const NewMessage& message : settlement.messages) {
    const bool tells = message.event == MessageEvent::execution_completed ||
                       (message.event == MessageEvent::task_failed && turn == NoticeEvent::task_failed) ||
                       (message.event == MessageEvent::task_recovered && turn == NoticeEvent::task_recovered);
    if (tells) insert_message(connection, source, message);
  }
}

SettleOutcome settle_one(Connection& connection, LineChanges& lines, const Settlement& settlement) {
  const auto finished = finish_execution(connection, lines, settlement);
  if (!finished) return SettleOutcome::stale;
  keep_response(connection, settlement);
  if (settlement.disable) disable_task(connection, lines, *finished, settlement);
  auto outcome = SettleOutcome::settled;
  bool retried = false;
  if (finished->status != settlement.status) {
    outcome = SettleOutcome::cancelled;
  } else if (settlement.retry) {
    retried = insert_retry(connection, lines, settlement.id, *finished, *settlement.retry);
    if (!retried) outcome = SettleOutcome::settled_without_retry;
  }
  const auto failed = run_failed(*finished, retried);
  const auto failing_before =
      fold_into_task(connection, finished->task_id, finished->status, settlement.finished_at, failed);
  const auto turn = turn_of_task(failed, failing_before);
  store_messages(connection, *finished, settlement, retried, turn);
  if (turn) {
    store_turn_notices(connection, *turn,
                       {finished->organization_id, finished->task_id, settlement.id, finished->run_id,
                        settlement.finished_at, failing_before});
  }
  return outcome;
}

}  // namespace

std::vector<SettleOutcome> settle_batch(Connection& connection, std::span<const Settlement> batch) {
  // In the order in which the attempts ended, so that of several of one task the last one decides.
  std::vector<std::size_t> order(batch.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return batch[a].finished_at < batch[b].finished_at; });
  std::vector<SettleOutcome> outcomes(batch.size());
  LineChanges lines(connection);
  for (const std::size_t item : order) outcomes[item] = settle_one(connection, lines, batch[item]);
  lines.refresh();
  return outcomes;
}

}  // namespace punctual::sqlite
