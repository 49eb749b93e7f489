#include "schedules.hpp"

#include <algorithm>
#include <numeric>

#include "live_executions.hpp"
#include "monthly_quotas.hpp"
#include "notices.hpp"

namespace punctual::postgres {
namespace {

// The queue of the task of a step, locked; nothing when the task is not as the step expects it.
std::optional<std::optional<std::string>> lock_queue_of(Session& session, const ScheduleStep& step) {
  static const std::string sql = R"sql(
    select queue
    from tasks_keep
    where id = $1
      and organization_id = $2
      and next_run_at = $3
      and updated_at = $4
      and schedule_type = 'cron'
      and enabled
      and deleted_at is null
    for no key update)sql";
  const Rows rows =
      session.run(sql, step.task_id, step.organization_id, step.expected_next_run_at, step.expected_version);
  if (rows.empty()) return std::nullopt;
  return rows.get<std::optional<std::string>>(0, 0);
}

std::size_t insert_occurrences(Session& session, const ScheduleStep& step, const std::optional<std::string>& queue,
                               bool limited) {
  std::size_t inserted = 0;
  for (const NewExecution& execution : step.executions) {
    // Asked anew for each: the one before makes the task live.
    if (step.skip_if_live && has_live_execution(session, step.task_id)) break;
    if (limited && take_quota(session, step.organization_id, execution.scheduled_for, 1) == 0) continue;
    const PlacedExecution placed{execution, step.task_id, step.organization_id, queue, true};
    // Its place in a line is that of its time, whenever it is made.
    if (insert_pending(session, placed, Time::min())) ++inserted;
  }
  return inserted;
}

void write_next_run(Session& session, const ScheduleStep& step) {
  static const std::string go_on = R"sql(
    update tasks_keep
    set next_run_at = $2
    where id = $1)sql";
  static const std::string disable = R"sql(
    update tasks_keep
    set enabled = false, next_run_at = null, updated_at = greatest(updated_at + interval '1 microsecond', $2)
    where id = $1)sql";
  if (!step.disable) {
    (void)session.run(go_on, step.task_id, step.next_run_at);
    return;
  }
  (void)session.run(disable, step.task_id, step.disable->at);
  write_audit(session, *step.disable);
}

// `disabled`: of the task of a step that was taken.
std::size_t take_step(Session& session, const ScheduleStep& step, bool limited, std::vector<NewNotice>& disabled) {
  const auto queue = lock_queue_of(session, step);
  if (!queue) return 0;
  const std::size_t inserted = insert_occurrences(session, step, *queue, limited);
  write_next_run(session, step);
  if (step.disable) {
    disabled.push_back({step.organization_id,
                        NoticeEvent::task_disabled,
                        step.disable->at,
                        {},
                        {},
                        step.disable->detail,
                        step.task_id});
  }
  return inserted;
}

}  // namespace

Schedules::Due PostgresSchedules::due(Time horizon, std::size_t limit) {
  static const std::string sql = R"sql(
    select id, organization_id, cron_expression, timezone, misfire, overlap, next_run_at, updated_at
    from tasks_keep
    where schedule_type = 'cron'
      and enabled
      and deleted_at is null
      and next_run_at is not null
    order by next_run_at
    limit $1)sql";
  return pool_.read([&](Session& session) {
    Due due;
    const Rows rows = session.run(sql, limit + 1);
    for (std::size_t at = 0; at < rows.size(); ++at) {
      RowReader row(rows, at);
      DueSchedule one;
      row.read(one.task_id);
      row.read(one.organization_id);
      row.read(one.cron_expression);
      row.read(one.timezone);
      row.read(one.misfire);
      row.read(one.overlap);
      row.read(one.next_run_at);
      row.read(one.version);
      if (one.next_run_at > horizon || due.schedules.size() == limit) {
        due.next = one.next_run_at;
        break;
      }
      due.schedules.push_back(std::move(one));
    }
    return due;
  });
}

std::vector<std::size_t> PostgresSchedules::advance(std::span<const ScheduleStep> steps) {
  // Several servers take the same steps at the same time: in one order, lest they wait for each other in a circle.
  std::vector<std::size_t> order(steps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return steps[a].task_id < steps[b].task_id; });
  std::vector<OrganizationId> organizations;
  for (const ScheduleStep& step : steps) organizations.push_back(step.organization_id);
  auto inserted = pool_.write([&](Session& session) {
    std::vector<std::size_t> numbers(steps.size());
    std::vector<NewNotice> disabled;
    const auto limited = lock_quotas(session, organizations);
    for (const std::size_t at : order) {
      numbers[at] = take_step(session, steps[at], limited.contains(steps[at].organization_id), disabled);
    }
    store_notices(session, disabled);
    return numbers;
  });
  for (const ScheduleStep& step : steps) {
    for (const NewExecution& execution : step.executions) floor_.lower(execution.scheduled_for);
  }
  return inserted;
}

}  // namespace punctual::postgres
