// TaskEngine: what a frontend asks for about queues.
#include "engine/request_audit.hpp"
#include "engine/task_engine_parts.hpp"

namespace punctual {
namespace {

TaskWrite queue_write(const Request& request, NodeId node, Time now, std::span<const ExecutionId> sending,
                      const StoredReply& reply, const AuditEntry& audit) {
  return {request.principal.organization_id, {}, node, now, sending, idempotency_record(request, now, reply), &audit};
}

// The reply to a write that meets no claims.
Reply reply_to(TaskWriteOutcome outcome, StoredReply reply) {
  if (auto earlier = answered_before(outcome)) return *std::move(earlier);
  if (outcome.result != WriteResult::applied) throw NotFound();
  return {std::move(reply), false};
}

}  // namespace

// Work of a queue may have become claimable by any server.
void TaskEngine::look_at_queues() {
  const Time now = this->now();
  parts_->dispatcher.wake(now);
  parts_->storage.signals().send({Signal::Kind::due, now, {}, std::nullopt});
}

std::vector<Queue> TaskEngine::list_queues(const Principal& principal) {
  return parts_->storage.queues().list(principal.organization_id);
}

Queue TaskEngine::find_queue(const Principal& principal, std::string_view name) {
  auto found = parts_->storage.queues().find(principal.organization_id, name);
  if (!found) throw NotFound();
  return *std::move(found);
}

Reply TaskEngine::change_queue(const Request& request, std::string_view name, const QueueChange& change,
                               const Render<Queue>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  StoredReply reply;
  AuditEntry audit;
  const auto made = [&](const Queue& before, const Queue& after) {
    audit = queue_changed(request.principal, before, after, now);
    return reply = render(after);
  };
  auto outcome = parts_->storage.queues().change(queue_write(request, parts_->lease.node(), now, {}, {}, audit), name,
                                                 change, made);
  look_at_queues();
  return reply_to(std::move(outcome), std::move(reply));
}

Reply TaskEngine::forget_queue(const Request& request, std::string_view name, const StoredReply& reply) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  AuditEntry audit;
  auto outcome = parts_->storage.queues().forget(
      queue_write(request, parts_->lease.node(), now, {}, reply, audit), name,
      [&](const Queue& before) { audit = queue_forgotten(request.principal, before, now); });
  look_at_queues();
  return reply_to(std::move(outcome), reply);
}

Reply TaskEngine::pause_queue(const Request& request, std::string_view name, const StoredReply& reply) {
  parts_->refuse_when_draining();
  const Principal& principal = request.principal;
  StoredReply content = reply;
  std::vector<TaskId> asked;
  const auto pause = [&](std::span<const ExecutionId> sending) {
    const Time now = this->now();
    const AuditEntry audit = queue_paused(principal, name, now);
    auto outcome =
        parts_->storage.queues().pause(queue_write(request, parts_->lease.node(), now, sending, reply, audit), name);
    asked = std::move(outcome.asked);
    return std::move(outcome.write);
  };
  return parts_->change(principal, std::nullopt, content, pause, [&] {
    for (const TaskId task : asked) parts_->recall(principal.organization_id, task);
  });
}

Reply TaskEngine::resume_queue(const Request& request, std::string_view name, const StoredReply& reply) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  const AuditEntry audit = queue_resumed(request.principal, name, now);
  auto outcome =
      parts_->storage.queues().resume(queue_write(request, parts_->lease.node(), now, {}, reply, audit), name);
  look_at_queues();
  return reply_to(std::move(outcome), reply);
}

}  // namespace punctual
