// The role Outbox on Postgres, and what rescue does to messages inside its own transaction.
#pragma once

#include <mutex>

#include "claim_floor.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresOutbox final : public Outbox {
 public:
  // `floor`: of messages; whoever stores or returns some lowers it.
  PostgresOutbox(SessionPool& pool, ClaimFloor& floor) : pool_(pool), floor_(floor) {}

  [[nodiscard]] MessageClaims claim(const MessageRequest& request) override;
  std::size_t settle(std::span<const MessageResult> results) override;
  void release(std::span<const MessageClaim> claims) override;
  [[nodiscard]] std::vector<MessageClaim> held(NodeId node) override;
  [[nodiscard]] std::size_t size(std::size_t limit) override;

 private:
  SessionPool& pool_;
  ClaimFloor& floor_;
  std::mutex turn_mutex_;
  OrganizationId last_turn_;  // guarded by turn_mutex_
};

// One call of a function in the database, which commits by itself. Of those due at or after `floor`; organisations behind
// `after` have their turn first, and `after` becomes the one that had the last.
[[nodiscard]] MessageClaims claim_messages(Session& session, const MessageRequest& request, Time floor,
                                           OrganizationId& after);
[[nodiscard]] std::size_t settle_messages(Session& session, std::span<const MessageResult> results);
void release_messages(Session& session, std::span<const MessageClaim> claims);
// Gives back what a node has claimed; how many messages.
[[nodiscard]] std::size_t release_messages_of(Session& session, NodeId node);

}  // namespace punctual::postgres
