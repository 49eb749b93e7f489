// The role WorkStore on Postgres.
#pragma once

#include <mutex>
#include <span>
#include <vector>

#include "claim_floor.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresWorkStore final : public WorkStore {
 public:
  // The floors are those of executions and of messages.
  PostgresWorkStore(SessionPool& pool, ClaimFloor& floor, ClaimFloor& message_floor, Metrics& metrics);

  [[nodiscard]] std::vector<InsertOutcome> insert(NodeId node, std::span<const NewWork> batch) override;
  [[nodiscard]] ClaimResult claim(const ClaimRequest& request) override;
  [[nodiscard]] std::vector<SettleOutcome> settle(std::span<const Settlement> batch) override;
  void release(std::span<const ClaimRef> claims) override;
  void mark_started(std::span<const StartedClaim> claims) override;

 private:
  // Calls a function of the database, again while it collides with others.
  template <class Call>
  auto call(Histogram& seconds, Call&& call);

  // conflict, where the row is refused; held_elsewhere, where one that it needs is.
  [[nodiscard]] InsertOutcome insert_alone(NodeId node, const NewWork& work);
  [[nodiscard]] std::vector<InsertOutcome> insert_singly(NodeId node, std::span<const NewWork> batch);

  SessionPool& pool_;
  ClaimFloor& floor_;
  ClaimFloor& message_floor_;
  Histogram& insert_seconds_;
  Histogram& claim_seconds_;
  Histogram& settle_seconds_;
  Counter& rerun_singly_;
  std::mutex turn_mutex_;
  OrganizationId last_turn_;  // guarded by turn_mutex_
};

}  // namespace punctual::postgres
