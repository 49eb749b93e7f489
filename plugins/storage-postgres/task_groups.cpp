#include "task_groups.hpp"

#include "audit_log.hpp"
#include "hot_path.hpp"
#include "replies.hpp"
#include "sync.hpp"
#include "task_pages.hpp"
#include "undone.hpp"

namespace punctual::postgres {
namespace {

// Of a group that was stored by an earlier call whose answer was lost.
bool is_stored(Session& session, const NewWork& first) {
  return find_task(session, first.task.organization_id, first.task.id).has_value();
}

// `refused` is set when Undone is thrown for an item.
GroupOutcome insert_group(Session& session, NodeId node, std::span<const NewWork> items,
                          const std::optional<IdempotencyRecord>& idempotency, std::size_t& refused) {
  if (idempotency && !is_stored(session, items.front())) {
    if (auto earlier = take_key(session, items.front().task.organization_id, *idempotency)) {
      return {earlier->result, std::move(earlier->replay), {}};
    }
  }
  GroupOutcome group;
  group.claimed.reserve(items.size());
  const auto outcomes = insert_work(session, node, items);
  for (refused = 0; refused < items.size(); ++refused) {
    const InsertOutcome& item = outcomes[refused];
    if (item.result != WriteResult::applied) throw Undone(item.result);
    group.claimed.push_back(item.claimed);
  }
  write_audit(session, items, outcomes);
  return group;
}

}  // namespace

GroupOutcome PostgresTaskGroups::insert(NodeId node, std::span<const NewWork> items,
                                        const std::optional<IdempotencyRecord>& idempotency) {
  std::size_t refused = 0;
  const auto once = [&] {
    return pool_.write([&](Session& session) { return insert_group(session, node, items, idempotency, refused); });
  };
  GroupOutcome group;
  try {
    try {
      group = once();
    } catch (const RowRefused&) {
      // What refused it may have been an earlier call of its own that has committed meanwhile.
      group = once();
    }
  } catch (const RowRefused&) {
    return {WriteResult::conflict, std::nullopt, {}};
  } catch (const Undone& undone) {
    return {undone.why.result, undone.why.replay, {}, refused};
  }
  for (const NewWork& work : items) {
    if (work.execution) floor_.lower(work.execution->scheduled_for);
  }
  return group;
}

TaskWriteOutcome PostgresTaskGroups::sync(const TaskWrite& write, const SyncScope& scope,
                                          const std::function<SyncPlan(const SyncBase&)>& plan) {
  try {
    auto outcome = pool_.write([&](Session& session) { return sync_tasks(session, write, scope, plan); });
    // Whatever was claimed is pending again.
    if (!outcome.revoked.empty()) floor_.lower(Time{});
    return outcome;
  } catch (const Undone& undone) {
    return {undone.why.result, undone.why.replay, {}};
  }
}

}  // namespace punctual::postgres
