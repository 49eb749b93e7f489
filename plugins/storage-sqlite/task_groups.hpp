// The role TaskGroups on SQLite: every call is one job of the writer, so calls never meet.
#pragma once

#include "punctual/task_groups.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteTaskGroups final : public TaskGroups {
 public:
  explicit SqliteTaskGroups(Writer& writer) : writer_(writer) {}

  [[nodiscard]] GroupOutcome insert(NodeId node, std::span<const NewWork> items,
                                    const std::optional<IdempotencyRecord>& idempotency) override;
  // `plan` runs on the writer's thread.
  [[nodiscard]] TaskWriteOutcome sync(const TaskWrite& write, const SyncScope& scope,
                                      const std::function<SyncPlan(const SyncBase&)>& plan) override;

 private:
  Writer& writer_;
};

}  // namespace punctual::sqlite
