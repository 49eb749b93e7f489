// The role QueueStore on SQLite: reads on the readers, changes on the writer.
#pragma once

#include "punctual/queues.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteQueueStore final : public QueueStore {
 public:
  SqliteQueueStore(Writer& writer, ReaderPool& page_readers) : writer_(writer), page_readers_(page_readers) {}

  [[nodiscard]] std::vector<Queue> list(OrganizationId organization) override;
  [[nodiscard]] std::optional<Queue> find(OrganizationId organization, std::string_view name) override;
  // `reply` runs on the writer's thread.
  [[nodiscard]] TaskWriteOutcome change(const TaskWrite& write, std::string_view name, const QueueChange& change,
                                        const QueueReply& reply) override;
  [[nodiscard]] TaskWriteOutcome forget(const TaskWrite& write, std::string_view name,
                                        const std::function<void(const Queue&)>& forgetting) override;
  // Never held_elsewhere: there is no other server.
  [[nodiscard]] PauseOutcome pause(const TaskWrite& write, std::string_view name) override;
  [[nodiscard]] TaskWriteOutcome resume(const TaskWrite& write, std::string_view name) override;

 private:
  Writer& writer_;
  ReaderPool& page_readers_;  // counts may take long
};

}  // namespace punctual::sqlite
