// TaskEngine: what a frontend asks for about executions.
#include "engine/organization_limits.hpp"
#include "engine/task_engine_parts.hpp"
#include "host/masking.hpp"

namespace punctual {

ExecutionDetail TaskEngine::find_execution(const Principal& principal, ExecutionId id) {
  auto found = parts_->storage.tasks().find_execution(principal.organization_id, id);
  if (!found) throw NotFound();
  const auto since = kept_since(principal);
  if (since && found->execution.finished_at && *found->execution.finished_at < *since) throw NotFound();
  show_claim(found->execution);
  found->request_url = mask_userinfo(found->request_url);
  return std::move(*found);
}

Page<Execution> TaskEngine::list_executions(ExecutionQuery query) {
  query.now = now();
  auto page = parts_->storage.tasks().list_executions(query);
  if (page.items.empty() && query.task_id && !knows_task(query)) throw NotFound();
  for (auto& execution : page.items) show_claim(execution);
  return page;
}

// A deleted task is known by what is kept of its executions.
bool TaskEngine::knows_task(const ExecutionQuery& query) {
  const auto task = parts_->storage.tasks().find(query.organization_id, *query.task_id);
  if (task && !is_over(*task, query.kept_since)) return true;
  ExecutionQuery any{query.organization_id, query.now, 1};
  any.task_id = query.task_id;
  any.kept_since = query.kept_since;
  return !parts_->storage.tasks().list_executions(any).items.empty();
}

std::optional<Time> TaskEngine::kept_since(const Principal& principal) const {
  const milliseconds mine =
      principal.limits.retention ? milliseconds{*principal.limits.retention} : parts_->settings.retention;
  if (!principal.limits.retention && mine >= parts_->housekeeping.longest_retention()) return std::nullopt;
  return now() - mine;
}

// A claimed execution that waits for its time is pending to everybody but us; one that is sent has begun when it was sent,
// which of another server's is known when it has been asked.
void TaskEngine::show_claim(Execution& execution) {
  if (execution.status != ExecutionStatus::running) return;
  if (const auto sent_at = parts_->held.sent_at(execution.id)) execution.started_at = sent_at;
  if (!execution.started_at && execution.scheduled_for > now()) execution.status = ExecutionStatus::pending;
}

}  // namespace punctual
