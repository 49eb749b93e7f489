#include "leases.hpp"

#include <exception>

#include "hot_path.hpp"
#include "notice_claims.hpp"
#include "outbox.hpp"

namespace punctual::postgres {
namespace {

// Whoever claims under a lease holds its lock shared until the claim is committed; with the lock alone the claims that are
// found are all there are, and there will be no more.
const std::string lock_alone = "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 1))";

}  // namespace

std::optional<Time> PostgresLeases::database_time() {
  static const std::string sql = "select clock_timestamp()";
  return pool_.read([&](Session& session) { return session.run(sql).get<Time>(0, 0); });
}

RescueReport PostgresLeases::acquire(const NodeInfo& node) {
  static const std::string sql = R"sql(
    insert into nodes (id, host, pid, since)
    values ($1, $2, $3, $4))sql";
  (void)pool_.use([&](Session& session) { return session.run(sql, node.id, node.host, node.pid, node.at); });
  return {};
}

bool PostgresLeases::heartbeat(NodeId node, Time) {
  static const std::string sql = R"sql(
    update nodes
    set beats = beats + 1, beat_at = clock_timestamp()
    where id = $1)sql";
  return pool_.use([&](Session& session) { return session.run(sql, node).changed() > 0; });
}

std::vector<std::pair<NodeId, std::int64_t>> PostgresLeases::silent_nodes(NodeId self, MonotonicTime now,
                                                                          milliseconds silence) {
  static const std::string sql = R"sql(
    select id, beats
    from nodes
    where id <> $1)sql";
  const Rows rows = rescue_pool_.read([&](Session& session) { return session.run(sql, self); });
  const std::lock_guard lock(mutex_);
  std::map<NodeId, Heartbeat> seen;
  std::vector<std::pair<NodeId, std::int64_t>> silent;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const auto id = rows.get<NodeId>(at, 0);
    const auto beats = rows.get<std::int64_t>(at, 1);
    const auto before = seen_.find(id);
    const bool stands = before != seen_.end() && before->second.beats == beats;
    const Heartbeat last = stands ? before->second : Heartbeat{beats, now};
    if (std::chrono::floor<milliseconds>(now - last.seen_first) >= silence) silent.emplace_back(id, beats);
    seen.emplace(id, last);
  }
  seen_ = std::move(seen);
  return silent;
}

std::optional<PostgresLeases::Returned> PostgresLeases::rescue_from(NodeId node, std::int64_t beats) {
  static const std::string forget = R"sql(
    delete from nodes
    where id = $1
      and beats = $2)sql";
  return rescue_pool_.write([&](Session& session) -> std::optional<Returned> {
    (void)session.run(lock_alone, node);
    if (session.run(forget, node, beats).changed() == 0) return std::nullopt;
    const std::size_t executions = rescue_claims(session, node);
    const std::size_t messages = release_messages_of(session, node);
    return Returned{executions, messages, release_notices_of(session, node)};
  });
}

RescueReport PostgresLeases::rescue(NodeId self, MonotonicTime now, milliseconds silence) {
  RescueReport report;
  std::exception_ptr problem;
  for (const auto& [node, beats] : silent_nodes(self, now, silence)) {
    try {
      const auto returned = rescue_from(node, beats);
      if (!returned) continue;
      ++report.nodes;
      report.executions += returned->executions;
      report.messages += returned->messages;
      report.notices += returned->notices;
    } catch (const std::exception&) {
      // One that cannot be rescued from now does not stand in the way of the others.
      problem = std::current_exception();
    }
  }
  if (report.executions > 0) floor_.lower(Time{});
  if (report.messages > 0) message_floor_.lower(Time{});
  if (problem && report.nodes == 0) std::rethrow_exception(problem);
  return report;
}

std::vector<ClaimRef> PostgresLeases::held(NodeId node) {
  static const std::string sql = R"sql(
    select id, claim_token
    from executions
    where node_id = $1
      and status = 'running')sql";
  const Rows rows = pool_.read([&](Session& session) { return session.run(sql, node); });
  std::vector<ClaimRef> out;
  for (std::size_t at = 0; at < rows.size(); ++at)
    out.push_back({rows.get<ExecutionId>(at, 0), rows.get<ClaimToken>(at, 1)});
  return out;
}

void PostgresLeases::end(NodeId node) {
  // Alone, so that no claim or insert of this node that is still on its way is left behind under a lease that is gone.
  static const std::string sql = R"sql(
    delete from nodes
    where id = $1)sql";
  (void)pool_.write([&](Session& session) {
    (void)session.run(lock_alone, node);
    (void)rescue_claims(session, node);
    (void)release_messages_of(session, node);
    (void)release_notices_of(session, node);
    return session.run(sql, node).changed();
  });
  floor_.lower(Time{});
  message_floor_.lower(Time{});
}

std::vector<NodeStatus> PostgresLeases::list() {
  static const std::string sql = R"sql(
    select id, host, pid, since, (extract(epoch from clock_timestamp() - beat_at) * 1000)::bigint,
      (select count(*) from executions where node_id = nodes.id and status = 'running')
    from nodes
    order by since, id)sql";
  const Rows rows = pool_.read([&](Session& session) { return session.run(sql); });
  std::vector<NodeStatus> out(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) {
    RowReader row(rows, at);
    row.read(out[at].node.id);
    row.read(out[at].node.host);
    row.read(out[at].node.pid);
    row.read(out[at].node.at);
    row.read(out[at].silent);
    out[at].claims = static_cast<std::size_t>(row.next<std::int64_t>());
  }
  return out;
}

}  // namespace punctual::postgres
