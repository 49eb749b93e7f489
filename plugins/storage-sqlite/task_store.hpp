// The role TaskStore on SQLite: reads on the readers, changes on the writer.
#pragma once

#include "punctual/storage.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteTaskStore final : public TaskStore {
 public:
  SqliteTaskStore(Writer& writer, ReaderPool& readers, ReaderPool& page_readers)
      : writer_(writer), readers_(readers), page_readers_(page_readers) {}

  [[nodiscard]] std::optional<Task> find(OrganizationId organization, TaskId id) override;
  [[nodiscard]] Page<Task> list(const TaskQuery& query) override;
  [[nodiscard]] TaskWriteOutcome update(const TaskWrite& write, const TaskUpdate& change) override;
  [[nodiscard]] TaskWriteOutcome remove(const TaskWrite& write,
                                        const std::function<void(const Task&)>& removing) override;
  [[nodiscard]] TaskWriteOutcome add_run(const TaskWrite& write, const NewExecution& execution) override;
  // `reply` runs on the writer's thread.
  [[nodiscard]] TaskWriteOutcome remove_queue(const TaskWrite& write, std::string_view queue,
                                              const std::function<StoredReply(std::size_t)>& reply) override;
  [[nodiscard]] std::optional<ExecutionDetail> find_execution(OrganizationId organization, ExecutionId id) override;
  [[nodiscard]] Page<Execution> list_executions(const ExecutionQuery& query) override;
  [[nodiscard]] std::optional<StoredReply> find_reply(OrganizationId organization, std::string_view key,
                                                      const Digest& request, Time now) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
  ReaderPool& page_readers_;  // lists may take long; they must not keep single rows waiting
};

}  // namespace punctual::sqlite
