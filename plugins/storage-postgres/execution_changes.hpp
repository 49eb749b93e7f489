// The role ExecutionChanges on Postgres: each a transaction of several statements, run again when it collides with another.
#pragma once

#include "claim_floor.hpp"
#include "punctual/execution_changes.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresExecutionChanges final : public ExecutionChanges {
 public:
  PostgresExecutionChanges(SessionPool& pool, ClaimFloor& floor) : pool_(pool), floor_(floor) {}

  [[nodiscard]] ExecutionWriteOutcome cancel(const TaskWrite& write, ExecutionId id, ForeignClaim foreign,
                                             const std::function<StoredReply(const Execution&)>& reply) override;
  [[nodiscard]] std::vector<ExecutionId> cancelled_claims(NodeId node) override;
  [[nodiscard]] ExecutionWriteOutcome retry(const TaskWrite& write, ExecutionId id, const NewExecution& run) override;
  [[nodiscard]] ExecutionWriteOutcome retry_many(const TaskWrite& write, const RetryFilter& filter,
                                                 std::span<const ExecutionId> ids, Time due,
                                                 const std::function<StoredReply(std::size_t)>& reply) override;

 private:
  SessionPool& pool_;
  ClaimFloor& floor_;
};

// What the functions of the role do, inside of the caller's transaction.
[[nodiscard]] ExecutionWriteOutcome cancel_execution(Session& session, const TaskWrite& write, ExecutionId id,
                                                     ForeignClaim foreign,
                                                     const std::function<StoredReply(const Execution&)>& reply);
[[nodiscard]] ExecutionWriteOutcome retry_execution(Session& session, const TaskWrite& write, ExecutionId id,
                                                    const NewExecution& run);

// An execution and its task.
struct Retriable {
  ExecutionId id;
  TaskId task_id;
};
// The first `limit` executions that the filter lets through, locked. Those that somebody else has locked are passed over.
[[nodiscard]] std::vector<Retriable> lock_retriable(Session& session, OrganizationId organization,
                                                    const RetryFilter& filter, std::size_t limit);

}  // namespace punctual::postgres
