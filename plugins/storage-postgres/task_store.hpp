// The role TaskStore on Postgres. Pages are read on connections of their own, so that slow ones keep nobody else waiting.
#pragma once

#include "claim_floor.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresTaskStore final : public TaskStore {
 public:
  PostgresTaskStore(SessionPool& pool, SessionPool& page_pool, ClaimFloor& floor)
      : pool_(pool), page_pool_(page_pool), floor_(floor) {}

  [[nodiscard]] std::optional<Task> find(OrganizationId organization, TaskId id) override;
  [[nodiscard]] Page<Task> list(const TaskQuery& query) override;
  [[nodiscard]] TaskWriteOutcome update(const TaskWrite& write, const TaskUpdate& change) override;
  [[nodiscard]] TaskWriteOutcome remove(const TaskWrite& write,
                                        const std::function<void(const Task&)>& removing) override;
  [[nodiscard]] TaskWriteOutcome add_run(const TaskWrite& write, const NewExecution& execution) override;
  [[nodiscard]] TaskWriteOutcome remove_queue(const TaskWrite& write, std::string_view queue,
                                              const std::function<StoredReply(std::size_t)>& reply) override;
  [[nodiscard]] std::optional<ExecutionDetail> find_execution(OrganizationId organization, ExecutionId id) override;
  [[nodiscard]] Page<Execution> list_executions(const ExecutionQuery& query) override;
  [[nodiscard]] std::optional<StoredReply> find_reply(OrganizationId organization, std::string_view key,
                                                      const Digest& request, Time now) override;

 private:
  SessionPool& pool_;
  SessionPool& page_pool_;
  ClaimFloor& floor_;
};

}  // namespace punctual::postgres
