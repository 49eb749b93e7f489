// The role HostStates on Postgres. Whoever changes a host, or holds executions for one, locks its row first, and only then
// tasks, lines and executions (docs/decisions/0007-order-of-locks.md): so nothing is held for a host that has just opened.
#pragma once

#include "claim_floor.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

// Inside the caller's transaction. What they do stands at HostStates.
[[nodiscard]] std::vector<HostAnswer> ask_hosts(Session& session, std::span<const HostQuestion> questions, Time now);
// Of one host; nothing where another server is at it.
[[nodiscard]] LetGo advance_host(Session& session, const HostKey& host, Time now);

class PostgresHostStates final : public HostStates {
 public:
  PostgresHostStates(SessionPool& pool, ClaimFloor& floor) : pool_(pool), floor_(floor) {}

  [[nodiscard]] std::vector<HostState> list() override;
  [[nodiscard]] std::vector<HostChange> report(std::span<const HostReport> reports) override;
  [[nodiscard]] std::vector<HostAnswer> ask(std::span<const HostQuestion> questions, Time now) override;
  // One transaction a host.
  [[nodiscard]] LetGo advance(Time now) override;
  [[nodiscard]] std::size_t count_held(std::size_t most) override;

 private:
  SessionPool& pool_;
  ClaimFloor& floor_;
};

}  // namespace punctual::postgres
