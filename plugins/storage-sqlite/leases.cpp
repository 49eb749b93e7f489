#include "leases.hpp"

#include <set>

#include "executions.hpp"
#include "notice_claims.hpp"
#include "outbox.hpp"

namespace punctual::sqlite {
namespace {

RescueReport return_all_claims(Connection& connection) {
  std::vector<ClaimRef> claims;
  std::set<NodeId> nodes;
  {
    Query running(connection, R"sql(
      select id, claim_token, node_id
      from executions
      where status = 'running'
        and finished_at is null)sql");
    while (running.next()) {
      claims.push_back({running.get<ExecutionId>(0), running.get<ClaimToken>(1)});
      nodes.insert(running.get<NodeId>(2));
    }
  }
  LineChanges lines(connection);
  for (const ClaimRef& claim : claims) (void)end_claim(connection, lines, claim, ClaimEnd::rescued);
  lines.refresh();
  return {claims.size(), nodes.size(), release_all_messages(connection), release_all_notices(connection)};
}

}  // namespace

std::optional<Time> SqliteLeases::database_time() { return std::nullopt; }

RescueReport SqliteLeases::acquire(const NodeInfo& node) {
  const std::lock_guard guard(mutex_);
  if (lease_) {
    const RescueReport report = writer_.write(return_all_claims);
    lease_->node = node.id;
    lease_->lock.write_holder(node);
    return report;
  }
  LockFile lock(lock_path_, node);
  const RescueReport report = writer_.write(return_all_claims);
  lease_.emplace(Lease{node.id, std::move(lock)});
  return report;
}

bool SqliteLeases::heartbeat(NodeId node, Time) {
  const std::lock_guard guard(mutex_);
  return lease_ && lease_->node == node;
}

RescueReport SqliteLeases::rescue(NodeId, MonotonicTime, milliseconds) { return {}; }

std::vector<ClaimRef> SqliteLeases::held(NodeId node) {
  return readers_.read([&](Connection& connection) {
    std::vector<ClaimRef> out;
    Query claims(connection, R"sql(
      select id, claim_token
      from executions
      where status = 'running'
        and finished_at is null
        and node_id = ?1)sql",
                 node);
    while (claims.next()) out.push_back({claims.get<ExecutionId>(0), claims.get<ClaimToken>(1)});
    return out;
  });
}

void SqliteLeases::end(NodeId node) {
  const std::lock_guard guard(mutex_);
  if (lease_ && lease_->node == node) lease_.reset();
}

std::vector<NodeStatus> SqliteLeases::list() {
  const auto holder = LockFile::holder_of(lock_path_);
  if (!holder) return {};
  return {{*holder, milliseconds{0}, held(holder->id).size()}};
}

}  // namespace punctual::sqlite
