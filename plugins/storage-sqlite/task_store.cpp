#include "task_store.hpp"

#include "execution_pages.hpp"
#include "punctual/errors.hpp"
#include "replies.hpp"
#include "task_changes.hpp"
#include "task_pages.hpp"

namespace punctual::sqlite {

std::optional<Task> SqliteTaskStore::find(OrganizationId organization, TaskId id) {
  return readers_.read([&](Connection& connection) { return find_task(connection, organization, id); });
}

Page<Task> SqliteTaskStore::list(const TaskQuery& query) {
  return page_readers_.read([&](Connection& connection) { return list_tasks(connection, query); });
}

TaskWriteOutcome SqliteTaskStore::update(const TaskWrite& write, const TaskUpdate& change) {
  return writer_.write([&](Connection& connection) { return update_task(connection, write, change); });
}

TaskWriteOutcome SqliteTaskStore::remove(const TaskWrite& write, const std::function<void(const Task&)>& removing) {
  return writer_.write([&](Connection& connection) { return remove_task(connection, write, removing); });
}

TaskWriteOutcome SqliteTaskStore::add_run(const TaskWrite& write, const NewExecution& execution) {
  return writer_.write([&](Connection& connection) { return sqlite::add_run(connection, write, execution); });
}

TaskWriteOutcome SqliteTaskStore::remove_queue(const TaskWrite& write, std::string_view queue,
                                               const std::function<StoredReply(std::size_t)>& reply) {
  return writer_.write([&](Connection& connection) { return sqlite::remove_queue(connection, write, queue, reply); });
}

std::optional<ExecutionDetail> SqliteTaskStore::find_execution(OrganizationId organization, ExecutionId id) {
  return readers_.read([&](Connection& connection) { return sqlite::find_execution(connection, organization, id); });
}

Page<Execution> SqliteTaskStore::list_executions(const ExecutionQuery& query) {
  return page_readers_.read([&](Connection& connection) { return sqlite::list_executions(connection, query); });
}

std::optional<StoredReply> SqliteTaskStore::find_reply(OrganizationId organization, std::string_view key,
                                                       const Digest& request, Time now) {
  const auto earlier = readers_.read(
      [&](Connection& connection) { return find_earlier_use(connection, organization, key, request, now); });
  if (!earlier) return std::nullopt;
  if (earlier->result == WriteResult::key_reused) throw KeyReused();
  return earlier->replay;
}

}  // namespace punctual::sqlite
