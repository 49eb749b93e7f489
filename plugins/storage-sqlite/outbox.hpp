// The role Outbox on SQLite, and what other roles do to messages inside their own transactions.
#pragma once

#include "organization_terms.hpp"
#include "punctual/storage.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteOutbox final : public Outbox {
 public:
  SqliteOutbox(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  [[nodiscard]] MessageClaims claim(const MessageRequest& request) override;
  std::size_t settle(std::span<const MessageResult> results) override;
  void release(std::span<const MessageClaim> claims) override;
  [[nodiscard]] std::vector<MessageClaim> held(NodeId node) override;
  [[nodiscard]] std::size_t size(std::size_t limit) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
  OrganizationId last_turn_;  // the writer's thread alone
};

// An attempt that messages are about.
struct MessageSource {
  OrganizationId organization_id;
  TaskId task_id;
  ExecutionId execution_id;
  bool final = false;                       // its run has ended with it
  std::optional<ExecutionStatus> ended_as;  // ClaimedMessage::ended_as
  Time due;
};
void insert_message(Connection& connection, const MessageSource& source, const NewMessage& message);

// Gives back all that anybody has claimed; how many messages.
[[nodiscard]] std::size_t release_all_messages(Connection& connection);

}  // namespace punctual::sqlite
