#include "sync.hpp"

#include <set>

#include "audit_log.hpp"
#include "hot_path.hpp"
#include "live_executions.hpp"
#include "replies.hpp"
#include "rows.hpp"
#include "sql_errors.hpp"
#include "task_changes.hpp"
#include "undone.hpp"

namespace punctual::postgres {
namespace {

// Until the transaction ends no other sync of the organisation goes on.
void lock_syncs(Session& session, OrganizationId organization) {
  static const std::string sql = "select pg_advisory_xact_lock(hashtextextended($1::text, 2))";
  (void)session.run(sql, organization);
}

// Before tasks and lines: whoever stores a cron task has it before its line.
void lock_limit(Session& session, OrganizationId organization) {
  static const std::string sql = R"sql(
    select
    from organizations
    where id = $1
      and max_tasks is not null
    for no key update)sql";
  (void)session.run(sql, organization);
}

// Locks the cron tasks of the scope in the order in which everybody locks tasks; their ids and names.
std::vector<SyncBase::Other> lock_scope(Session& session, OrganizationId organization, const SyncScope& scope) {
  Parameters parameters(organization);
  if (!scope.others) parameters.add_each(scope.names, [](const std::string& name) { return std::string_view(name); });
  const Rows rows = session.run(scope.others ? cron_tasks_locked : named_cron_tasks_locked, parameters);
  std::vector<SyncBase::Other> locked(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) {
    RowReader row(rows, at);
    row.read(locked[at].id);
    row.read(locked[at].name);
    row.read(locked[at].url);
    row.read(locked[at].cron_expression);
    row.read(locked[at].timezone);
  }
  return locked;
}

std::vector<Task> tasks_with(Session& session, std::span<const TaskId> ids) {
  static const std::string sql = task_columns + R"sql(
    from tasks_keep
    where id = any ($1)
    order by id)sql";
  if (ids.empty()) return {};
  Parameters parameters;
  parameters.add_each(ids, [](TaskId id) { return id; });
  const Rows rows = session.run(sql, parameters);
  std::vector<Task> tasks;
  tasks.reserve(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) tasks.push_back(task_from(rows, at));
  return tasks;
}

SyncBase read_base(Session& session, OrganizationId organization, const SyncScope& scope) {
  const std::set<std::string_view> names(scope.names.begin(), scope.names.end());
  SyncBase base;
  std::vector<TaskId> named;
  for (SyncBase::Other& one : lock_scope(session, organization, scope)) {
    if (names.contains(one.name)) {
      named.push_back(one.id);
    } else {
      base.others.push_back(std::move(one));
    }
  }
  base.named = tasks_with(session, named);
  return base;
}

void remove_all(Session& session, const TaskWrite& write, std::span<const TaskId> tasks,
                std::vector<ClaimRef>& revoked) {
  if (tasks.empty()) return;
  const auto claims = remove_tasks(session, write, tasks);
  if (!claims) throw Undone(WriteResult::held_elsewhere);
  revoked.insert(revoked.end(), claims->begin(), claims->end());
}

void update_each(Session& session, TaskWrite write, std::span<const TaskUpdate> changes,
                 std::vector<ClaimRef>& revoked) {
  for (const TaskUpdate& change : changes) {
    write.task_id = change.task.id;
    const auto outcome = update_task(session, write, change);
    if (outcome.result != WriteResult::applied) throw Undone(outcome.result);
    revoked.insert(revoked.end(), outcome.revoked.begin(), outcome.revoked.end());
  }
}

void create_all(Session& session, NodeId node, std::span<const NewWork> created) {
  if (created.empty()) return;
  try {
    const auto outcomes = insert_work(session, node, created);
    for (const InsertOutcome& item : outcomes) {
      if (item.result != WriteResult::applied) throw Undone(item.result);
    }
    write_audit(session, created, outcomes);
  } catch (const RowRefused&) {
    throw Undone(WriteResult::not_found);
  }
}

// Locks the lines that the changes may touch.
void lock_lines_of(Session& session, OrganizationId organization, const SyncPlan& plan) {
  std::vector<TaskId> tasks = plan.removed;
  std::set<std::string> names;
  for (const TaskUpdate& change : plan.updated) {
    tasks.push_back(change.task.id);
    if (change.task.spec.queue) names.insert(*change.task.spec.queue);
  }
  if (tasks.empty()) return;
  for (const LiveExecution& one : live_executions(session, tasks)) {
    if (one.queue) names.insert(*one.queue);
  }
  lock_lines(session, organization, names);
}

}  // namespace

namespace {

const std::string cron_tasks = R"sql(
    select id, name, url, cron_expression, timezone
    from tasks_keep
    where organization_id = $1
      and schedule_type = 'cron'
      and deleted_at is null)sql";
const std::string locked_in_order = R"sql(
    order by id
    for no key update)sql";

}  // namespace

const std::string cron_tasks_locked = cron_tasks + locked_in_order;

const std::string named_cron_tasks_locked = cron_tasks + R"sql(
      and name = any ($2))sql" + locked_in_order;

// The key is taken last, so that whoever uses the same one does not wait for all that comes before.
TaskWriteOutcome sync_tasks(Session& session, const TaskWrite& write, const SyncScope& scope,
                            const std::function<SyncPlan(const SyncBase&)>& plan) {
  lock_syncs(session, write.organization_id);
  TaskWrite each = write;
  const auto record = std::exchange(each.idempotency, std::nullopt);
  if (record) {
    if (auto earlier = find_earlier_use(session, write.organization_id, record->key, record->request, record->at)) {
      return {earlier->result, std::move(earlier->replay), {}};
    }
  }
  lock_limit(session, write.organization_id);
  SyncPlan made = plan(read_base(session, write.organization_id, scope));
  lock_lines_of(session, write.organization_id, made);
  TaskWriteOutcome outcome;
  remove_all(session, each, made.removed, outcome.revoked);
  update_each(session, each, made.updated, outcome.revoked);
  create_all(session, write.node, made.created);
  write_audit(session, made.audit);
  if (record) {
    IdempotencyRecord used = *record;
    used.reply = std::move(made.reply);
    if (auto earlier = take_key(session, write.organization_id, used)) throw Undone(*std::move(earlier));
  }
  return outcome;
}

}  // namespace punctual::postgres
