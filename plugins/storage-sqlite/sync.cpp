#include "sync.hpp"

#include <algorithm>
#include <set>

#include "audit_log.hpp"
#include "hot_path.hpp"
#include "replies.hpp"
#include "rows.hpp"
#include "task_changes.hpp"
#include "undone.hpp"

namespace punctual::sqlite {
namespace {

template <class Item>
void sort_by_id(std::vector<Item>& items) {
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.id < b.id; });
}

std::vector<Task> named_tasks(Connection& connection, OrganizationId organization,
                              const std::vector<std::string>& names) {
  static const std::string sql = select_task + R"sql(
    where organization_id = ?1
      and name = ?2
      and schedule_type = 'cron'
      and deleted_at is null)sql";
  std::vector<Task> tasks;
  for (const std::string& name : names) {
    Query rows(connection, sql, organization, name);
    while (rows.next()) tasks.push_back(task_from(rows));
  }
  sort_by_id(tasks);
  return tasks;
}

std::vector<SyncBase::Other> other_tasks(Connection& connection, OrganizationId organization,
                                         const std::vector<std::string>& names) {
  const std::set<std::string_view> excluded(names.begin(), names.end());
  Query rows(connection, R"sql(
    select id, name, url, cron_expression, timezone
    from tasks
    where organization_id = ?1
      and schedule_type = 'cron'
      and deleted_at is null)sql",
             organization);
  std::vector<SyncBase::Other> others;
  while (rows.next()) {
    auto name = rows.get<std::string>(1);
    if (!excluded.contains(name)) {
      others.push_back({rows.get<TaskId>(0), std::move(name), rows.get<std::string>(2), rows.get<std::string>(3),
                        rows.get<std::string>(4)});
    }
  }
  sort_by_id(others);
  return others;
}

SyncBase read_base(Connection& connection, OrganizationId organization, const SyncScope& scope) {
  SyncBase base;
  base.named = named_tasks(connection, organization, scope.names);
  if (scope.others) base.others = other_tasks(connection, organization, scope.names);
  return base;
}

void take(TaskWriteOutcome outcome, std::vector<ClaimRef>& revoked) {
  if (outcome.result != WriteResult::applied) throw Undone(outcome.result);
  revoked.insert(revoked.end(), outcome.revoked.begin(), outcome.revoked.end());
}

void create_all(Connection& connection, NodeId node, std::span<const NewWork> created) {
  for (const InsertOutcome& item : insert_work(connection, node, created)) {
    if (item.result == WriteResult::conflict) throw Undone(WriteResult::not_found);
    if (item.result != WriteResult::applied) throw Undone(item.result);
  }
}

}  // namespace

TaskWriteOutcome sync_tasks(Connection& connection, const TaskWrite& write, const SyncScope& scope,
                            const std::function<SyncPlan(const SyncBase&)>& plan) {
  TaskWrite each = write;
  const auto record = std::exchange(each.idempotency, std::nullopt);
  if (record) {
    if (auto earlier = find_earlier_use(connection, write.organization_id, record->key, record->request, record->at)) {
      return {earlier->result, std::move(earlier->replay), {}};
    }
  }
  const SyncPlan made = plan(read_base(connection, write.organization_id, scope));
  TaskWriteOutcome outcome;
  for (const TaskId task : made.removed) {
    each.task_id = task;
    take(remove_task(connection, each), outcome.revoked);
  }
  for (const TaskUpdate& change : made.updated) {
    each.task_id = change.task.id;
    take(update_task(connection, each, change), outcome.revoked);
  }
  create_all(connection, write.node, made.created);
  for (const AuditEntry& entry : made.audit) write_audit(connection, entry);
  if (record) store_reply(connection, write.organization_id, *record, made.reply);
  return outcome;
}

}  // namespace punctual::sqlite
