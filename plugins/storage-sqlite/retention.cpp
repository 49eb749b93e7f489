#include "retention.hpp"

#include <set>
#include <utility>
#include <vector>

#include "punctual/ids.hpp"

namespace punctual::sqlite {
namespace {

std::vector<std::pair<ExecutionId, TaskId>> first_finished(Connection& connection, const Overdue& overdue,
                                                           std::size_t limit) {
  std::vector<std::pair<ExecutionId, TaskId>> out;
  Query rows(connection, R"sql(
    select id, task_id
    from executions
    where organization_id = ?1
      and finished_at < ?2
    order by finished_at
    limit ?3)sql",
             overdue.organization_id, overdue.before, limit);
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

std::vector<Overdue> find_overdue(Connection& connection, const Upkeep& upkeep) {
  Query rows(connection, R"sql(
    select id, before
    from (
      select id, ?1 - coalesce(retention_s * 1000000, ?2) as before
      from organizations) kept
    where exists (
        select 1
        from executions
        where executions.organization_id = kept.id
          and executions.finished_at < kept.before)
      or exists (
        select 1
        from tasks
        where tasks.organization_id = kept.id
          and tasks.deleted_at < kept.before))sql",
             upkeep.now, std::chrono::duration_cast<microseconds>(upkeep.retention).count());
  std::vector<Overdue> out;
  while (rows.next()) out.push_back({rows.get<OrganizationId>(0), rows.get<Time>(1)});
  return out;
}

Removed remove_finished(Connection& connection, const Overdue& overdue, std::size_t limit) {
  Removed removed;
  std::set<TaskId> tasks;
  for (const auto& [execution, task] : first_finished(connection, overdue, limit)) {
    remove_execution(connection, execution);
    tasks.insert(task);
    ++removed.executions;
  }
  for (const TaskId task : tasks) {
    if (remove_if_over(connection, task)) ++removed.tasks;
  }
  return removed;
}

std::size_t remove_deleted_tasks(Connection& connection, const Overdue& overdue, std::size_t limit) {
  return Query(connection, R"sql(
    delete from tasks
    where id in (
      select id
      from tasks
      where organization_id = ?1
        and deleted_at < ?2
      order by deleted_at
      limit ?3)
      and not exists (
        select 1
        from executions
        where task_id = tasks.id))sql",
               overdue.organization_id, overdue.before, limit)
      .run();
}

}  // namespace punctual::sqlite
