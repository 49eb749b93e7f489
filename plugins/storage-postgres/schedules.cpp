#include "schedules.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "live_executions.hpp"
#include "monthly_quotas.hpp"
#include "notices.hpp"

namespace punctual::postgres {
namespace {

// Enough that hundreds of steps are stored quickly, and so few that others do not wait for lines and quotas for long.
constexpr std::size_t steps_a_transaction = 50;
constexpr std::size_t executions_a_transaction = 200;  // about: a step is not divided

// A step whose task is as the step expects it, and locked.
struct TakenStep {
  const ScheduleStep* step = nullptr;
  std::size_t at = 0;  // among the steps of the call
  std::optional<std::string> queue;
};

// An occurrence that is to be stored, and whose it is.
struct Occurrence {
  const TakenStep* of = nullptr;
  const NewExecution* execution = nullptr;
};

// Locks the tasks in the order of `steps`.
std::vector<TakenStep> lock_taken(Session& session, std::span<const ScheduleStep> all,
                                  std::span<const std::size_t> steps) {
  static const std::string sql = R"sql(
    select named.ord, locked.queue
    from (
      select *
      from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
        with ordinality as named (id, organization_id, next_run_at, updated_at, ord)
      order by ord) named
    join lateral (
      select queue
      from tasks_keep
      where id = named.id
        and organization_id = named.organization_id
        and next_run_at = named.next_run_at
        and updated_at = named.updated_at
        and schedule_type = 'cron'
        and enabled
        and deleted_at is null
      for no key update) locked on true)sql";
  Parameters parameters;
  parameters.add_each(steps, [&](std::size_t at) { return all[at].task_id; });
  parameters.add_each(steps, [&](std::size_t at) { return all[at].organization_id; });
  parameters.add_each(steps, [&](std::size_t at) { return all[at].expected_next_run_at; });
  parameters.add_each(steps, [&](std::size_t at) { return all[at].expected_version; });
  const Rows rows = session.run(sql, parameters);
  std::vector<TakenStep> taken(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    taken[row].at = steps[static_cast<std::size_t>(rows.get<std::int64_t>(row, 0)) - 1];
    taken[row].step = &all[taken[row].at];
    taken[row].queue = rows.get<std::optional<std::string>>(row, 1);
  }
  return taken;
}

// What of the steps is to run, with its place in the quotas that are `limited`.
std::vector<Occurrence> occurrences_of(Session& session, std::span<const TakenStep> taken,
                                       const std::set<OrganizationId>& limited) {
  std::vector<TaskId> careful;
  for (const TakenStep& one : taken) {
    if (one.step->skip_if_live) careful.push_back(one.step->task_id);
  }
  std::set<TaskId> live;
  if (!careful.empty()) {
    for (const LiveExecution& one : live_executions(session, careful)) live.insert(one.task_id);
  }
  std::vector<Occurrence> out;
  for (const TakenStep& one : taken) {
    const ScheduleStep& step = *one.step;
    for (const NewExecution& execution : step.executions) {
      if (step.skip_if_live && live.contains(step.task_id)) break;
      const bool counts = limited.contains(step.organization_id);
      if (counts && take_quota(session, step.organization_id, execution.scheduled_for, 1) == 0) continue;
      out.push_back({&one, &execution});
      live.insert(step.task_id);
    }
  }
  return out;
}

// Adds to `numbers`, by steps of the call, how many were stored. Their place in a line is that of their time, whenever they are
// made: their lines need not be locked before.
void insert_occurrences(Session& session, std::span<const Occurrence> occurrences, std::vector<std::size_t>& numbers) {
  if (occurrences.empty()) return;
  static const std::string sql = R"sql(
    insert into executions (id, task_id, organization_id, run_id, scheduled_for, line_at, line_seq, attempt, status, tier,
      holds, by_schedule, queue)
    select id, task_id, organization_id, run_id, due, case when queue is not null then due end,
      case when queue is not null then nextval('line_places') end, attempt, 'pending', 'k', false, true, queue
    from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::integer[], $7::text[])
      with ordinality as made (id, task_id, organization_id, run_id, due, attempt, queue, ord)
    order by ord
    on conflict do nothing
    returning id)sql";
  Parameters parameters;
  const auto add = [&](auto of) { parameters.add_each(occurrences, of); };
  add([](const Occurrence& one) { return one.execution->id; });
  add([](const Occurrence& one) { return one.of->step->task_id; });
  add([](const Occurrence& one) { return one.of->step->organization_id; });
  add([](const Occurrence& one) { return one.execution->run_id; });
  add([](const Occurrence& one) { return one.execution->scheduled_for; });
  add([](const Occurrence& one) { return std::int32_t{one.execution->attempt}; });
  add([](const Occurrence& one) { return one.of->queue; });
  const Rows rows = session.run(sql, parameters);
  std::set<ExecutionId> stored;
  for (std::size_t row = 0; row < rows.size(); ++row) stored.insert(rows.get<ExecutionId>(row, 0));
  for (const Occurrence& one : occurrences) numbers[one.of->at] += stored.count(one.execution->id);
}

void lower_lines_of(Session& session, std::span<const Occurrence> occurrences) {
  if (std::none_of(occurrences.begin(), occurrences.end(), [](const Occurrence& one) { return one.of->queue; })) return;
  static const std::string sql = "select lower_lines($1, $2, $3)";
  Parameters parameters;
  parameters.add_each(occurrences, [](const Occurrence& one) { return one.of->step->organization_id; });
  parameters.add_each(occurrences, [](const Occurrence& one) { return one.of->queue; });
  parameters.add_each(occurrences, [](const Occurrence& one) { return one.execution->scheduled_for; });
  (void)session.run(sql, parameters);
}

void write_next_runs(Session& session, std::span<const TakenStep> taken) {
  if (taken.empty()) return;
  static const std::string go_on = R"sql(
    update tasks_keep
    set next_run_at = named.next_run_at
    from unnest($1::uuid[], $2::timestamptz[]) as named (id, next_run_at)
    where tasks_keep.id = named.id)sql";
  static const std::string disable = R"sql(
    update tasks_keep
    set enabled = false, next_run_at = null, updated_at = greatest(updated_at + interval '1 microsecond', $2)
    where id = $1)sql";
  Parameters parameters;
  parameters.add_each(taken, [](const TakenStep& one) { return one.step->task_id; });
  parameters.add_each(taken, [](const TakenStep& one) { return one.step->next_run_at; });
  (void)session.run(go_on, parameters);
  for (const TakenStep& one : taken) {
    if (!one.step->disable) continue;
    (void)session.run(disable, one.step->task_id, one.step->disable->at);
    write_audit(session, *one.step->disable);
  }
}

void tell_of_disabled(Session& session, std::span<const TakenStep> taken) {
  std::vector<NewNotice> notices;
  for (const TakenStep& one : taken) {
    if (!one.step->disable) continue;
    const AuditEntry& audit = *one.step->disable;
    notices.push_back(
        {one.step->organization_id, NoticeEvent::task_disabled, audit.at, {}, {}, audit.detail, one.step->task_id});
  }
  store_notices(session, notices);
}

// Rows are locked in the order of everybody: quotas, all tasks, and at last all lines.
void take_steps(Session& session, std::span<const ScheduleStep> all, std::span<const std::size_t> steps,
                std::vector<std::size_t>& numbers) {
  std::vector<OrganizationId> organizations;
  for (const std::size_t at : steps) organizations.push_back(all[at].organization_id);
  const auto limited = lock_quotas(session, organizations);
  const auto taken = lock_taken(session, all, steps);
  const auto occurrences = occurrences_of(session, taken, limited);
  insert_occurrences(session, occurrences, numbers);
  write_next_runs(session, taken);
  lower_lines_of(session, occurrences);
  tell_of_disabled(session, taken);
}

// How many of the steps, which are given in their order, go into one transaction.
std::size_t size_of_next(std::span<const ScheduleStep> all, std::span<const std::size_t> order) {
  std::size_t size = 0;
  for (std::size_t executions = 0;
       size < std::min(order.size(), steps_a_transaction) && executions < executions_a_transaction; ++size) {
    executions += all[order[size]].executions.size();
  }
  return size;
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
  std::vector<std::size_t> inserted(steps.size());
  for (std::span<const std::size_t> left = order; !left.empty();) {
    const auto now = left.first(size_of_next(steps, left));
    left = left.subspan(now.size());
    const auto numbers = pool_.write([&](Session& session) {
      std::vector<std::size_t> stored(steps.size());
      take_steps(session, steps, now, stored);
      return stored;
    });
    for (const std::size_t at : now) {
      inserted[at] = numbers[at];
      for (const NewExecution& execution : steps[at].executions) floor_.lower(execution.scheduled_for);
    }
  }
  return inserted;
}

}  // namespace punctual::postgres
