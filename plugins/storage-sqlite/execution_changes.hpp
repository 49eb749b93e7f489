// The role ExecutionChanges on SQLite: one server a file, so nobody else can hold a claim.
#pragma once

#include "punctual/execution_changes.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteExecutionChanges final : public ExecutionChanges {
 public:
  SqliteExecutionChanges(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  [[nodiscard]] ExecutionWriteOutcome cancel(const TaskWrite& write, ExecutionId id, ForeignClaim foreign,
                                             const std::function<StoredReply(const Execution&)>& reply) override;
  [[nodiscard]] std::vector<ExecutionId> cancelled_claims(NodeId node) override;
  [[nodiscard]] ExecutionWriteOutcome retry(const TaskWrite& write, ExecutionId id, const NewExecution& run) override;
  [[nodiscard]] ExecutionWriteOutcome retry_many(const TaskWrite& write, const RetryFilter& filter,
                                                 std::span<const ExecutionId> ids, Time due,
                                                 const std::function<StoredReply(std::size_t)>& reply) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace punctual::sqlite
