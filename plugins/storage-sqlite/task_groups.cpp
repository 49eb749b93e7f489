#include "task_groups.hpp"

#include "hot_path.hpp"
#include "replies.hpp"
#include "sync.hpp"
#include "task_pages.hpp"
#include "undone.hpp"

namespace punctual::sqlite {
namespace {

// `refused` is set when Undone is thrown for an item.
GroupOutcome insert_group(Connection& connection, NodeId node, std::span<const NewWork> items,
                          const std::optional<IdempotencyRecord>& idempotency, std::size_t& refused) {
  const OrganizationId organization = items.front().task.organization_id;
  // Else an earlier call has stored them, whose caller may not have heard of it.
  const bool are_new = !find_task(connection, organization, items.front().task.id);
  if (idempotency && are_new) {
    const auto& [key, request, at, reply] = *idempotency;
    if (auto earlier = find_earlier_use(connection, organization, key, request, at)) {
      return {earlier->result, std::move(earlier->replay), {}};
    }
  }
  GroupOutcome group;
  group.claimed.reserve(items.size());
  for (const InsertOutcome& item : insert_work(connection, node, items)) {
    if (item.result != WriteResult::applied) throw Undone(item.result);
    group.claimed.push_back(item.claimed);
    ++refused;
  }
  if (idempotency && are_new) store_reply(connection, organization, *idempotency, idempotency->reply);
  return group;
}

}  // namespace

GroupOutcome SqliteTaskGroups::insert(NodeId node, std::span<const NewWork> items,
                                      const std::optional<IdempotencyRecord>& idempotency) {
  std::size_t refused = 0;
  try {
    return writer_.write([&](Connection& connection) {
      refused = 0;
      return insert_group(connection, node, items, idempotency, refused);
    });
  } catch (const Undone& undone) {
    return {undone.result, std::nullopt, {}, refused};
  }
}

TaskWriteOutcome SqliteTaskGroups::sync(const TaskWrite& write, const SyncScope& scope,
                                        const std::function<SyncPlan(const SyncBase&)>& plan) {
  try {
    return writer_.write([&](Connection& connection) { return sync_tasks(connection, write, scope, plan); });
  } catch (const Undone& undone) {
    return {undone.result, std::nullopt, {}};
  }
}

}  // namespace punctual::sqlite
