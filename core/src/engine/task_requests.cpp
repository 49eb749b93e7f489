// TaskEngine: what a frontend asks for about tasks.
#include "engine/new_task.hpp"
#include "engine/organization_limits.hpp"
#include "engine/task_audit.hpp"
#include "engine/task_engine_parts.hpp"

namespace punctual {

Claimed claimed_at_insert(NewWork&& work, const Principal& principal) {
  Claimed out;
  out.id = work.execution->id;
  out.run_id = work.execution->run_id;
  out.task_id = work.task.id;
  out.organization_id = work.task.organization_id;
  out.token = *work.claim;
  out.scheduled_for = work.execution->scheduled_for;
  out.task_updated_at = work.task.updated_at;
  TaskSpec& spec = work.task.spec;
  out.method = spec.method;
  out.url = std::move(spec.url);
  out.headers = std::move(spec.headers);
  out.body = std::move(spec.body);
  out.timeout = spec.timeout;
  out.retry_attempts = spec.retry_attempts;
  out.retry_delay = spec.retry_delay;
  out.retry_max_delay = spec.retry_max_delay;
  out.expires_in = spec.expires_in;
  out.expected_status_codes = std::move(spec.expected_status_codes);
  out.expected_body_pattern = std::move(spec.expected_body_pattern);
  if (spec.on_failure_url || spec.on_recovery_url) out.task_name = std::move(spec.name);
  out.callback_url = std::move(spec.callback_url);
  out.on_failure_url = std::move(spec.on_failure_url);
  out.on_recovery_url = std::move(spec.on_recovery_url);
  out.signing_secrets = principal.signing_secrets;
  out.old_secret_until = principal.old_secret_until;
  return out;
}

Reply TaskEngine::create_task(const Request& request, NewTask draft, const Render<CreatedTask>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  NewWork work = new_work(std::move(draft), request.principal, now, parts_->ids);
  CreatedTask created{work.task, std::nullopt, {}};
  if (work.execution) {
    created.execution_id = work.execution->id;
    created.scheduled_for = work.execution->scheduled_for;
  }
  StoredReply reply = render(created);
  work.idempotency = idempotency_record(request, now, reply);

  const bool claimed = parts_->claim_at_insert(work, now);
  Intake::Submitted submitted;
  try {
    submitted = parts_->intake.submit(work);
  } catch (...) {
    if (claimed) {
      parts_->held.abandon({work.execution->id, *work.claim});
      parts_->keeper.suspect();
    }
    throw;
  }
  InsertOutcome& outcome = submitted.outcome;
  if (outcome.result != WriteResult::applied) {
    if (claimed) {
      parts_->held.abandon({work.execution->id, *work.claim});
      // What is answered as done before may be what an earlier call of this very insert has stored and claimed: one that was
      // still committing while this one found the key in use.
      if (submitted.repeated) parts_->keeper.suspect();
    }
    if (auto earlier = answered_before(outcome)) return *std::move(earlier);
    if (outcome.result == WriteResult::limit_exceeded) {
      refuse_beyond_limit(work.task.spec.schedule_type, request.principal.limits);
    }
    throw NotFound("The organisation does not exist any more");
  }
  parts_->follow_up(std::move(work), outcome.claimed, request.principal);
  return {std::move(reply), false};
}

Task TaskEngine::find_task(const Principal& principal, TaskId id) {
  auto task = parts_->storage.tasks().find(principal.organization_id, id);
  if (!task || is_over(*task, kept_since(principal))) throw NotFound();
  return std::move(*task);
}

Page<Task> TaskEngine::list_tasks(TaskQuery query) { return parts_->storage.tasks().list(query); }

Reply TaskEngine::update_task(const Request& request, TaskId id, const TaskChange& change, const Render<Task>& render) {
  parts_->refuse_when_draining();
  StoredReply reply;
  TaskUpdate update;
  std::optional<AuditEntry> audit;
  Reply done = parts_->change(request.principal, id, reply, [&](std::span<const ExecutionId> sending) {
    const Task before = find_task(request.principal, id);
    const Time now = this->now();
    TaskSpec wanted = change.apply(before);
    if (change.moves_due_time && change.delay) wanted.scheduled_at = due_after(now, *change.delay);
    update = changed_task(before, std::move(wanted), request.principal.limits, now);
    const TaskSpec& spec = update.task.spec;
    if (change.moves_due_time && spec.scheduled_at != before.spec.scheduled_at) {
      update.pending = PendingChange::move;
      update.move_to = spec.scheduled_at.value();
      update.task.next_run_at = spec.scheduled_at;
    }
    reply = render(update.task);
    if (spec == before.spec && !request.idempotency) return TaskWriteOutcome{};
    audit = task_updated(request.principal, before, update.task);
    const TaskWrite write{
        before.organization_id,   id, parts_->lease.node(), now, sending, idempotency_record(request, now, reply),
        audit ? &*audit : nullptr};
    return parts_->storage.tasks().update(write, update);
  });
  if (!done.replayed && update.pending == PendingChange::move) parts_->dispatcher.wake(update.move_to);
  if (!done.replayed && update.pending == PendingChange::forget && update.task.next_run_at) {
    parts_->cron.wake(*update.task.next_run_at);
  }
  return done;
}

Reply TaskEngine::delete_task(const Request& request, TaskId id, const StoredReply& reply) {
  parts_->refuse_when_draining();
  // What is not shown any more is not there.
  if (kept_since(request.principal)) (void)find_task(request.principal, id);
  StoredReply content = reply;
  return parts_->change(request.principal, id, content, [&](std::span<const ExecutionId> sending) {
    const Time now = this->now();
    AuditEntry audit;
    return parts_->storage.tasks().remove(
        {request.principal.organization_id, id, parts_->lease.node(), now, sending,
         idempotency_record(request, now, reply), &audit},
        [&](const Task& task) { audit = task_deleted(request.principal, id, task.spec, now); });
  });
}

Reply TaskEngine::delete_queue(const Request& request, std::string_view queue, const Render<std::size_t>& render) {
  parts_->refuse_when_draining();
  StoredReply content;
  return parts_->change(request.principal, std::nullopt, content, [&](std::span<const ExecutionId> sending) {
    const Time now = this->now();
    AuditEntry audit;
    const auto counted = [&](std::size_t count) {
      audit = queue_deleted(request.principal, queue, count, now);
      return content = render(count);
    };
    return parts_->storage.tasks().remove_queue({request.principal.organization_id,
                                                 {},
                                                 parts_->lease.node(),
                                                 now,
                                                 sending,
                                                 idempotency_record(request, now, {}),
                                                 &audit},
                                                queue, counted);
  });
}

Reply TaskEngine::trigger_task(const Request& request, TaskId id, const Render<StartedRun>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  if (kept_since(request.principal)) (void)find_task(request.principal, id);
  const auto execution = parts_->ids.next<ExecutionId>(now);
  const Time due = std::chrono::floor<milliseconds>(now);
  StoredReply reply = render({execution, due});
  auto outcome = parts_->storage.tasks().add_run(
      {request.principal.organization_id, id, parts_->lease.node(), now, {}, idempotency_record(request, now, reply)},
      {execution, execution, 1, due});
  if (auto earlier = answered_before(outcome)) return *std::move(earlier);
  if (outcome.result == WriteResult::limit_exceeded) {
    refuse_beyond_limit(ScheduleType::once, request.principal.limits);
  }
  if (outcome.result != WriteResult::applied) throw NotFound();
  parts_->dispatcher.wake(due);
  return {std::move(reply), false};
}

}  // namespace punctual
