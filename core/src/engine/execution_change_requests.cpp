// TaskEngine: what a frontend asks for to be done to executions.
#include "engine/organization_limits.hpp"
#include "engine/request_audit.hpp"
#include "engine/task_engine_parts.hpp"

namespace punctual {
namespace {

// How long another server that has claimed an execution is given to say whether it is being sent. One that does not answer is
// dead or cut off, and what it holds is marked, so that whoever returns its claims ends it.
constexpr seconds patience_for_cancel{2};

bool is_live(const Execution& execution) {
  return execution.status == ExecutionStatus::pending || execution.status == ExecutionStatus::running;
}

}  // namespace

Reply TaskEngine::cancel_execution(const Request& request, ExecutionId id, const Render<Execution>& render) {
  parts_->refuse_when_draining();
  const OrganizationId organization = request.principal.organization_id;
  const TaskId task = find_execution(request.principal, id).execution.task_id;
  const auto give_up = std::chrono::steady_clock::now() + patience_for_cancel;
  StoredReply reply;
  std::optional<Execution> execution;
  Reply done = parts_->change(request.principal, task, reply, [&](std::span<const ExecutionId> sending) {
    const Time now = this->now();
    const auto foreign = std::chrono::steady_clock::now() < give_up ? ForeignClaim::ask : ForeignClaim::mark;
    const AuditEntry audit = execution_cancelled(request.principal, id, now);
    const TaskWrite write{organization, task, parts_->lease.node(), now, sending, idempotency_record(request, now, {}),
                          &audit};
    auto outcome = parts_->storage.execution_changes().cancel(write, id, foreign, [&](const Execution& as_it_will_be) {
      Execution shown = as_it_will_be;
      if (const auto sent_at = parts_->held.sent_at(id)) shown.started_at = sent_at;
      return reply = render(shown);
    });
    if (outcome.result == WriteResult::conflict) throw Conflict("The execution has ended");
    execution = std::move(outcome.execution);
    return TaskWriteOutcome{outcome.result, std::move(outcome.replay), std::move(outcome.revoked)};
  });
  if (!done.replayed && execution->status == ExecutionStatus::running) {
    parts_->abort(id);
    parts_->storage.signals().send({Signal::Kind::cancel, {}, organization, task, id});
  } else if (!done.replayed) {
    // It may have been the head of a line.
    parts_->dispatcher.wake(this->now());
  }
  return done;
}

Reply TaskEngine::retry_execution(const Request& request, ExecutionId id, const Render<StartedRun>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  const auto run = parts_->ids.next<ExecutionId>(now);
  const Time due = std::chrono::floor<milliseconds>(now);
  // What is not shown any more is not run again.
  if (kept_since(request.principal)) (void)find_execution(request.principal, id);
  StoredReply reply = render({run, due});
  const AuditEntry audit = execution_retried(request.principal, id, run, now);
  const TaskWrite write{request.principal.organization_id,       {},    parts_->lease.node(), now, {},
                        idempotency_record(request, now, reply), &audit};
  auto outcome = parts_->storage.execution_changes().retry(write, id, {run, run, 1, due});
  if (auto earlier = answered_before(outcome)) return *std::move(earlier);
  switch (outcome.result) {
    case WriteResult::applied:
      break;
    case WriteResult::conflict:
      throw Conflict(is_live(outcome.execution.value()) ? "The execution has not ended" : "Its task has been deleted");
    case WriteResult::limit_exceeded:
      refuse_beyond_limit(ScheduleType::once, request.principal.limits);
    default:
      throw NotFound();
  }
  parts_->dispatcher.wake(due);
  return {std::move(reply), false};
}

Reply TaskEngine::retry_executions(const Request& request, const RetryFilter& filter, std::size_t limit,
                                   const Render<std::size_t>& render) {
  parts_->refuse_when_draining();
  const OrganizationId organization = request.principal.organization_id;
  if (filter.task_id) (void)find_task(request.principal, *filter.task_id);
  const Time now = this->now();
  const Time due = std::chrono::floor<milliseconds>(now);
  std::vector<ExecutionId> ids(limit);
  for (ExecutionId& id : ids) id = parts_->ids.next<ExecutionId>(now);
  RetryFilter kept = filter;
  kept.kept_since = kept_since(request.principal);
  StoredReply reply;
  AuditEntry audit;
  auto outcome = parts_->storage.execution_changes().retry_many(
      {organization, {}, parts_->lease.node(), now, {}, idempotency_record(request, now, {}), &audit}, kept, ids, due,
      [&](std::size_t count) {
        audit = executions_retried(request.principal, filter.task_id, count, now);
        return reply = render(count);
      });
  if (auto earlier = answered_before(outcome)) return *std::move(earlier);
  if (outcome.result == WriteResult::limit_exceeded) {
    refuse_beyond_limit(ScheduleType::once, request.principal.limits);
  }
  parts_->dispatcher.wake(due);
  return {std::move(reply), false};
}

}  // namespace punctual
