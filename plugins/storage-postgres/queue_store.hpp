// The role QueueStore on Postgres.
#pragma once

#include "punctual/queues.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresQueueStore final : public QueueStore {
 public:
  PostgresQueueStore(SessionPool& pool, SessionPool& page_pool) : pool_(pool), page_pool_(page_pool) {}

  [[nodiscard]] std::vector<Queue> list(OrganizationId organization) override;
  [[nodiscard]] std::optional<Queue> find(OrganizationId organization, std::string_view name) override;
  [[nodiscard]] TaskWriteOutcome change(const TaskWrite& write, std::string_view name, const QueueChange& change,
                                        const QueueReply& reply) override;
  [[nodiscard]] TaskWriteOutcome forget(const TaskWrite& write, std::string_view name,
                                        const std::function<void(const Queue&)>& forgetting) override;
  // Two transactions: what is paused by the first one is given out no more when the second one looks for claims.
  [[nodiscard]] PauseOutcome pause(const TaskWrite& write, std::string_view name) override;
  [[nodiscard]] TaskWriteOutcome resume(const TaskWrite& write, std::string_view name) override;

 private:
  SessionPool& pool_;
  SessionPool& page_pool_;  // counts may take long
};

// ---- The statements of it, inside the caller's transaction. For tests of their plans.

[[nodiscard]] std::vector<Queue> list_queues(Session& session, OrganizationId organization);
[[nodiscard]] std::optional<Queue> find_queue(Session& session, OrganizationId organization, std::string_view name);
[[nodiscard]] PauseOutcome end_unsent_claims(Session& session, const TaskWrite& write, std::string_view name);

// Removes the rows of lines for which nothing is set and in which nothing has been for a day, at most `limit`; how many.
std::size_t remove_idle_lines(Session& session, Time now, std::size_t limit);

}  // namespace punctual::postgres
