// The role WorkStore on SQLite: every call is one job of the writer.
#pragma once

#include "punctual/storage.hpp"
#include "turns.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteWorkStore final : public WorkStore {
 public:
  explicit SqliteWorkStore(Writer& writer) : writer_(writer) {}

  [[nodiscard]] std::vector<InsertOutcome> insert(NodeId node, std::span<const NewWork> batch) override;
  [[nodiscard]] ClaimResult claim(const ClaimRequest& request) override;
  [[nodiscard]] std::vector<SettleOutcome> settle(std::span<const Settlement> batch) override;
  void release(std::span<const ClaimRef> claims) override;
  // There is no other server to tell.
  void mark_started(std::span<const StartedClaim> claims) override;

 private:
  Writer& writer_;
  Turns turns_;  // of the writer's thread
};

}  // namespace punctual::sqlite
