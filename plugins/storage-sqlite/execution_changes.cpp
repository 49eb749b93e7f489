#include "execution_changes.hpp"

#include <algorithm>

#include "executions.hpp"
#include "monthly_quotas.hpp"
#include "replies.hpp"
#include "rows.hpp"
#include "task_pages.hpp"

namespace punctual::sqlite {
namespace {

// One execution with what decides about its cancellation.
struct Found {
  Execution execution;
  LiveExecution live;
};

std::optional<Found> find(Connection& connection, OrganizationId organization, ExecutionId id) {
  static const std::string sql = select_execution + R"sql(, executions.claim_token, executions.queue
    from executions
    where id = ?1
      and organization_id = ?2)sql";
  Query row(connection, sql, id, organization);
  if (!row.next()) return std::nullopt;
  Found found{execution_from(row), {}};
  const Execution& execution = found.execution;
  found.live.id = execution.id;
  found.live.organization_id = execution.organization_id;
  found.live.task_id = execution.task_id;
  found.live.status = execution.status;
  found.live.scheduled_for = execution.scheduled_for;
  found.live.run_id = execution.run_id;
  found.live.token = row.get<std::optional<ClaimToken>>(execution_columns);
  found.live.queue = row.get<std::optional<std::string>>(execution_columns + 1);
  return found;
}

bool has_ended(const Execution& execution) { return execution.finished_at.has_value(); }

bool is_under_way(const TaskWrite& write, const Execution& execution) {
  return execution.status == ExecutionStatus::running &&
         std::find(write.sending.begin(), write.sending.end(), execution.id) != write.sending.end();
}

void mark_cancelled(Connection& connection, ExecutionId id, Time at) {
  Query(connection, R"sql(
    update executions
    set cancelled_at = coalesce(cancelled_at, ?2)
    where id = ?1)sql",
        id, at)
      .run();
}

// The claim that is void by it, if there was one.
std::vector<ClaimRef> cancel_waiting(Connection& connection, const LiveExecution& execution, Time at) {
  std::vector<ClaimRef> revoked;
  LineChanges lines(connection);
  if (execution.token) {
    revoked.push_back({execution.id, *execution.token});
    (void)end_claim(connection, lines, revoked.back(), ClaimEnd::given_back);
  }
  cancel_pending(connection, lines, execution, at);
  lines.refresh();
  (void)fold_into_task(connection, execution.task_id, ExecutionStatus::cancelled, at);
  return revoked;
}

ExecutionWriteOutcome cancel_one(Connection& connection, const TaskWrite& write, ExecutionId id,
                                 const std::function<StoredReply(const Execution&)>& reply) {
  if (auto earlier = replayed<ExecutionWriteOutcome>(connection, write)) return *std::move(earlier);
  auto found = find(connection, write.organization_id, id);
  if (!found) return {WriteResult::not_found, std::nullopt, std::nullopt, {}};
  Execution& execution = found->execution;
  if (has_ended(execution)) return {WriteResult::conflict, std::nullopt, std::move(execution), {}};
  ExecutionWriteOutcome outcome;
  if (is_under_way(write, execution)) {
    mark_cancelled(connection, id, write.now);
  } else {
    outcome.revoked = cancel_waiting(connection, found->live, write.now);
    execution.status = ExecutionStatus::cancelled;
    execution.finished_at = write.now;
  }
  write_audit(connection, write.audit);
  keep_reply(connection, write, reply(execution));
  outcome.execution = std::move(execution);
  return outcome;
}

void add_run(Connection& connection, LineChanges& lines, QuotaBook& quotas, const Task& task, ExecutionId of,
             const NewExecution& run) {
  const ExecutionOwner owner{task.id, task.organization_id, task.spec.queue};
  if (insert_execution(connection, lines, owner, run, Origin::request)) quotas.count(task.organization_id);
  mark_followed(connection, of);
  refresh_next_run(connection, task.id);
}

ExecutionWriteOutcome retry_one(Connection& connection, const TaskWrite& write, ExecutionId id,
                                const NewExecution& run) {
  if (auto earlier = replayed<ExecutionWriteOutcome>(connection, write)) return *std::move(earlier);
  auto found = find(connection, write.organization_id, id);
  if (!found) return {WriteResult::not_found, std::nullopt, std::nullopt, {}};
  const auto task = find_task(connection, write.organization_id, found->execution.task_id);
  if (!has_ended(found->execution) || !task) {
    return {WriteResult::conflict, std::nullopt, std::move(found->execution), {}};
  }
  QuotaBook quotas(connection);
  if (!quotas.has_room(write.organization_id, write.now)) {
    return {WriteResult::limit_exceeded, std::nullopt, std::nullopt, {}};
  }
  LineChanges lines(connection);
  add_run(connection, lines, quotas, *task, id, run);
  lines.refresh();
  quotas.store();
  write_audit(connection, write.audit);
  keep_reply(connection, write);
  ExecutionWriteOutcome outcome;
  outcome.execution = std::move(found->execution);
  return outcome;
}

// An execution that may be run again.
struct Retriable {
  Time scheduled_for;
  ExecutionId id;
  TaskId task_id;
  friend auto operator<=>(const Retriable&, const Retriable&) = default;
};

// ?1 to ?7: the organisation, the status, since, until, the queue, how many, since when what has ended is kept; ?8 the task.
const std::string of_organization = R"sql(
    select scheduled_for, id, task_id
    from executions
    where organization_id = ?1
      and status = ?2
      and status in ('failed', 'timeout', 'missed', 'cancelled')
      and followed = 0
      and scheduled_for >= ?3
      and scheduled_for < ?4
      and (?5 is null or queue = ?5)
      and (?7 is null or finished_at >= ?7)
      and exists (
        select 1
        from tasks
        where tasks.id = executions.task_id
          and tasks.deleted_at is null)
    order by scheduled_for, id
    limit ?6)sql";

const std::string of_task = R"sql(
    select scheduled_for, id, task_id
    from executions
    where task_id = ?8
      and +organization_id = ?1
      and +status = ?2
      and followed = 0
      and scheduled_for >= ?3
      and scheduled_for < ?4
      and (?5 is null or queue = ?5)
      and (?7 is null or finished_at >= ?7)
    order by scheduled_for, id
    limit ?6)sql";

std::vector<Retriable> retriable(Connection& connection, OrganizationId organization, const RetryFilter& filter,
                                 std::size_t limit) {
  std::vector<Retriable> out;
  const Time since = filter.since.value_or(Time::min());
  const Time until = filter.until.value_or(Time::max());
  const auto collect = [&](const std::string& sql, ExecutionStatus status, const auto&... task) {
    Query rows(connection, sql, organization, status, since, until, filter.queue, limit, filter.kept_since, task...);
    while (rows.next()) out.push_back({rows.get<Time>(0), rows.get<ExecutionId>(1), rows.get<TaskId>(2)});
  };
  for (const ExecutionStatus status : filter.statuses) {
    if (filter.task_id) {
      collect(of_task, status, *filter.task_id);
    } else {
      collect(of_organization, status);
    }
  }
  std::sort(out.begin(), out.end());
  if (out.size() > limit) out.resize(limit);
  return out;
}

}  // namespace

ExecutionWriteOutcome SqliteExecutionChanges::cancel(const TaskWrite& write, ExecutionId id, ForeignClaim,
                                                     const std::function<StoredReply(const Execution&)>& reply) {
  return writer_.write([&](Connection& connection) { return cancel_one(connection, write, id, reply); });
}

std::vector<ExecutionId> SqliteExecutionChanges::cancelled_claims(NodeId node) {
  return readers_.read([&](Connection& connection) {
    std::vector<ExecutionId> out;
    Query claims(connection, R"sql(
      select id
      from executions
      where status = 'running'
        and finished_at is null
        and node_id = ?1
        and cancelled_at is not null)sql",
                 node);
    while (claims.next()) out.push_back(claims.get<ExecutionId>(0));
    return out;
  });
}

ExecutionWriteOutcome SqliteExecutionChanges::retry(const TaskWrite& write, ExecutionId id, const NewExecution& run) {
  return writer_.write([&](Connection& connection) { return retry_one(connection, write, id, run); });
}

ExecutionWriteOutcome SqliteExecutionChanges::retry_many(const TaskWrite& write, const RetryFilter& filter,
                                                         std::span<const ExecutionId> ids, Time due,
                                                         const std::function<StoredReply(std::size_t)>& reply) {
  return writer_.write([&](Connection& connection) {
    if (auto earlier = replayed<ExecutionWriteOutcome>(connection, write)) return *std::move(earlier);
    LineChanges lines(connection);
    QuotaBook quotas(connection);
    std::size_t count = 0;
    for (const Retriable& one : retriable(connection, write.organization_id, filter, ids.size())) {
      const auto task = find_task(connection, write.organization_id, one.task_id);
      if (!task) continue;
      if (!quotas.has_room(write.organization_id, write.now)) {
        if (count == 0) return ExecutionWriteOutcome{WriteResult::limit_exceeded, std::nullopt, std::nullopt, {}};
        break;
      }
      add_run(connection, lines, quotas, *task, one.id, {ids[count], ids[count], 1, due});
      ++count;
    }
    lines.refresh();
    quotas.store();
    const StoredReply made = reply(count);
    if (count > 0) write_audit(connection, write.audit);
    keep_reply(connection, write, made);
    return ExecutionWriteOutcome{};
  });
}

}  // namespace punctual::sqlite
