#include "schedules.hpp"

#include "executions.hpp"
#include "monthly_quotas.hpp"
#include "notices.hpp"

namespace punctual::sqlite {
namespace {

Schedules::Due due_schedules(Connection& connection, Time horizon, std::size_t limit) {
  Schedules::Due due;
  Query rows(connection, R"sql(
    select id, organization_id, cron_expression, timezone, misfire, overlap, next_run_at, updated_at
    from tasks
    where schedule_type = 'cron'
      and enabled = 1
      and deleted_at is null
      and next_run_at is not null
    order by next_run_at
    limit ?1)sql",
             limit + 1);
  while (rows.next()) {
    const auto at = rows.get<Time>(6);
    if (at > horizon || due.schedules.size() == limit) {
      due.next = at;
      break;
    }
    due.schedules.push_back({rows.get<TaskId>(0), rows.get<OrganizationId>(1), rows.get<std::string>(2),
                             rows.get<std::string>(3), rows.get<Misfire>(4), rows.get<Overlap>(5), at,
                             rows.get<Time>(7)});
  }
  return due;
}

// The queue of the task of a step; nothing when the task is not as the step expects it.
std::optional<std::optional<std::string>> queue_of(Connection& connection, const ScheduleStep& step) {
  Query task(connection, R"sql(
    select queue
    from tasks
    where id = ?1
      and organization_id = ?2
      and next_run_at = ?3
      and updated_at = ?4
      and schedule_type = 'cron'
      and enabled = 1
      and deleted_at is null)sql",
             step.task_id, step.organization_id, step.expected_next_run_at, step.expected_version);
  if (!task.next()) return std::nullopt;
  return task.get<std::optional<std::string>>(0);
}

std::size_t insert_occurrences(Connection& connection, LineChanges& lines, QuotaBook& quotas, const ScheduleStep& step,
                               const std::optional<std::string>& queue) {
  std::size_t inserted = 0;
  for (const NewExecution& execution : step.executions) {
    // Asked anew for each: the one before makes the task live.
    if (step.skip_if_live && has_live_execution(connection, step.task_id)) break;
    if (!quotas.has_room(step.organization_id, execution.scheduled_for)) continue;
    const ExecutionOwner owner{step.task_id, step.organization_id, queue};
    if (!insert_execution(connection, lines, owner, execution, Origin::schedule)) continue;
    quotas.count(step.organization_id);
    ++inserted;
  }
  return inserted;
}

void write_next_run(Connection& connection, const ScheduleStep& step) {
  if (!step.disable) {
    Query(connection, R"sql(
      update tasks
      set next_run_at = ?2
      where id = ?1)sql",
          step.task_id, step.next_run_at)
        .run();
    return;
  }
  Query(connection, R"sql(
    update tasks
    set enabled = 0, next_run_at = null, updated_at = max(updated_at + 1, ?2)
    where id = ?1)sql",
        step.task_id, step.disable->at)
      .run();
  write_audit(connection, *step.disable);
  store_disabled_notices(connection, *step.disable, step.task_id);
}

std::size_t take_step(Connection& connection, LineChanges& lines, QuotaBook& quotas, const ScheduleStep& step) {
  const auto queue = queue_of(connection, step);
  if (!queue) return 0;
  const std::size_t inserted = insert_occurrences(connection, lines, quotas, step, *queue);
  write_next_run(connection, step);
  return inserted;
}

}  // namespace

Schedules::Due SqliteSchedules::due(Time horizon, std::size_t limit) {
  return readers_.read([&](Connection& connection) { return due_schedules(connection, horizon, limit); });
}

std::vector<std::size_t> SqliteSchedules::advance(std::span<const ScheduleStep> steps) {
  return writer_.write([&](Connection& connection) {
    std::vector<std::size_t> inserted;
    inserted.reserve(steps.size());
    LineChanges lines(connection);
    QuotaBook quotas(connection);
    for (const ScheduleStep& step : steps) inserted.push_back(take_step(connection, lines, quotas, step));
    lines.refresh();
    quotas.store();
    return inserted;
  });
}

}  // namespace punctual::sqlite
