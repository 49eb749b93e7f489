// The role Leases on Postgres: a row a server, and how long its count of heartbeats has stood still.
#pragma once

#include <map>
#include <mutex>

#include "claim_floor.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresLeases final : public Leases {
 public:
  // `pool`: for heartbeats and what is as quick; `rescue_pool`: for what may take its time. The floors are those of
  // executions and of messages.
  PostgresLeases(SessionPool& pool, SessionPool& rescue_pool, ClaimFloor& floor, ClaimFloor& message_floor)
      : pool_(pool), rescue_pool_(rescue_pool), floor_(floor), message_floor_(message_floor) {}

  [[nodiscard]] std::optional<Time> database_time() override;
  [[nodiscard]] RescueReport acquire(const NodeInfo& node) override;
  [[nodiscard]] bool heartbeat(NodeId node, Time now) override;
  [[nodiscard]] RescueReport rescue(NodeId self, MonotonicTime now, milliseconds silence) override;
  [[nodiscard]] std::vector<ClaimRef> held(NodeId node) override;
  void end(NodeId node) override;
  [[nodiscard]] std::vector<NodeStatus> list() override;

 private:
  struct Heartbeat {
    std::int64_t beats = 0;
    MonotonicTime seen_first;
  };
  // The nodes but `self` whose count has stood still since `silence` before `now`.
  [[nodiscard]] std::vector<std::pair<NodeId, std::int64_t>> silent_nodes(NodeId self, MonotonicTime now,
                                                                          milliseconds silence);

  struct Returned {
    std::size_t executions = 0;
    std::size_t messages = 0;
    std::size_t notices = 0;
  };
  // Whether this node had died at this count of heartbeats; if so, its claims have been returned.
  [[nodiscard]] std::optional<Returned> rescue_from(NodeId node, std::int64_t beats);

  SessionPool& pool_;
  SessionPool& rescue_pool_;
  ClaimFloor& floor_;
  ClaimFloor& message_floor_;
  std::mutex mutex_;
  std::map<NodeId, Heartbeat> seen_;  // guarded by mutex_
};

}  // namespace punctual::postgres
