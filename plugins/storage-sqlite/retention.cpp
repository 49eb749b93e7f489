#include "retention.hpp"

#include <set>
#include <utility>
#include <vector>

#include "punctual/ids.hpp"

namespace punctual::sqlite {
namespace {

std::vector<std::pair<ExecutionId, TaskId>> first_finished(Connection& connection, Time before, std::size_t limit) {
  std::vector<std::pair<ExecutionId, TaskId>> out;
  Query rows(connection, R"sql(
    select id, task_id
    from executions
    where finished_at < ?1
    order by finished_at
    limit ?2)sql",
             before, limit);
  while (rows.next()) out.emplace_back(rows.get<ExecutionId>(0), rows.get<TaskId>(1));
  return out;
}

void remove_execution(Connection& connection, ExecutionId id) {
  Query(connection, R"sql(
    delete from responses
    where execution_id = ?1)sql",
        id)
      .run();
  Query(connection, R"sql(
    delete from executions
    where id = ?1)sql",
        id)
      .run();
}

bool remove_if_over(Connection& connection, TaskId task) {
  return Query(connection, R"sql(
    delete from tasks
    where id = ?1
      and schedule_type = 'once'
      and deleted_at is null
      and not exists (
        select 1
        from executions
        where task_id = ?1))sql",
               task)
             .run() > 0;
}

}  // namespace

Removed remove_finished(Connection& connection, Time before, std::size_t limit) {
  Removed removed;
  std::set<TaskId> tasks;
  for (const auto& [execution, task] : first_finished(connection, before, limit)) {
    remove_execution(connection, execution);
    tasks.insert(task);
    ++removed.executions;
  }
  for (const TaskId task : tasks) {
    if (remove_if_over(connection, task)) ++removed.tasks;
  }
  return removed;
}

std::size_t remove_deleted_tasks(Connection& connection, Time before, std::size_t limit) {
  return Query(connection, R"sql(
    delete from tasks
    where id in (
      select id
      from tasks
      where deleted_at < ?1
      order by deleted_at
      limit ?2)
      and not exists (
        select 1
        from executions
        where task_id = tasks.id))sql",
               before, limit)
      .run();
}

}  // namespace punctual::sqlite
