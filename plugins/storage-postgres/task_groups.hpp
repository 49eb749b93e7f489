// The role TaskGroups on Postgres.
#pragma once

#include "claim_floor.hpp"
#include "punctual/task_groups.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresTaskGroups final : public TaskGroups {
 public:
  PostgresTaskGroups(SessionPool& pool, ClaimFloor& floor) : pool_(pool), floor_(floor) {}

  [[nodiscard]] GroupOutcome insert(NodeId node, std::span<const NewWork> items,
                                    const std::optional<IdempotencyRecord>& idempotency) override;
  [[nodiscard]] TaskWriteOutcome sync(const TaskWrite& write, const SyncScope& scope,
                                      const std::function<SyncPlan(const SyncBase&)>& plan) override;

 private:
  SessionPool& pool_;
  ClaimFloor& floor_;
};

}  // namespace punctual::postgres
