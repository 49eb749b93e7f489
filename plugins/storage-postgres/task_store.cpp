#include "task_store.hpp"

#include "execution_pages.hpp"
#include "punctual/errors.hpp"
#include "replies.hpp"
#include "task_changes.hpp"
#include "task_pages.hpp"

namespace punctual::postgres {

std::optional<Task> PostgresTaskStore::find(OrganizationId organization, TaskId id) {
  return pool_.read([&](Session& session) { return find_task(session, organization, id); });
}

Page<Task> PostgresTaskStore::list(const TaskQuery& query) {
  return page_pool_.read([&](Session& session) { return list_tasks(session, query); });
}

TaskWriteOutcome PostgresTaskStore::update(const TaskWrite& write, const TaskUpdate& change) {
  auto outcome = pool_.write([&](Session& session) { return update_task(session, write, change); });
  // Whatever was pending may be so again under an earlier time.
  if (change.pending == PendingChange::move) floor_.lower(change.move_to);
  if (!outcome.revoked.empty() || outcome.let_go) floor_.lower(Time{});
  return outcome;
}

TaskWriteOutcome PostgresTaskStore::remove(const TaskWrite& write, const std::function<void(const Task&)>& removing) {
  return pool_.write([&](Session& session) { return remove_task(session, write, removing); });
}

TaskWriteOutcome PostgresTaskStore::add_run(const TaskWrite& write, const NewExecution& execution) {
  auto outcome = pool_.write([&](Session& session) { return postgres::add_run(session, write, execution); });
  floor_.lower(execution.scheduled_for);
  return outcome;
}

TaskWriteOutcome PostgresTaskStore::remove_queue(const TaskWrite& write, std::string_view queue,
                                                 const std::function<StoredReply(std::size_t)>& reply) {
  return pool_.write([&](Session& session) { return postgres::remove_queue(session, write, queue, reply); });
}

std::optional<ExecutionDetail> PostgresTaskStore::find_execution(OrganizationId organization, ExecutionId id) {
  return pool_.read([&](Session& session) { return postgres::find_execution(session, organization, id); });
}

Page<Execution> PostgresTaskStore::list_executions(const ExecutionQuery& query) {
  return page_pool_.read([&](Session& session) { return postgres::list_executions(session, query); });
}

std::optional<StoredReply> PostgresTaskStore::find_reply(OrganizationId organization, std::string_view key,
                                                         const Digest& request, Time now) {
  const auto earlier =
      pool_.read([&](Session& session) { return find_earlier_use(session, organization, key, request, now); });
  if (!earlier) return std::nullopt;
  if (earlier->result == WriteResult::key_reused) throw KeyReused();
  return earlier->replay;
}

}  // namespace punctual::postgres
