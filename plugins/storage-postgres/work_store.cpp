#include "work_store.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "audit_log.hpp"
#include "hot_path.hpp"

namespace punctual::postgres {
namespace {

constexpr std::array<double, 12> call_bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};

Histogram& call_seconds(Metrics& metrics, const char* name) {
  return metrics.histogram("punctual_postgres_call_seconds", "Duration of one batch in the database, with its commit",
                           call_bounds, {{"call", name}});
}

// A row is held by a server that stands still. Not to be tried again at once, as a Collision is.
class RowHeld : public Unavailable {
 public:
  using Unavailable::Unavailable;
};

// How often what is stored singly waits for held rows: of one organisation, and in all.
constexpr std::size_t waits_an_organization = 2;
constexpr std::size_t waits_a_batch = 6;

// With what of it is to be in the audit log: a transaction instead of a single statement.
std::vector<InsertOutcome> insert_logged(Session& session, NodeId node, std::span<const NewWork> batch) {
  if (std::none_of(batch.begin(), batch.end(), [](const NewWork& work) { return work.audit.has_value(); })) {
    return insert_work(session, node, batch);
  }
  Transaction transaction(session);
  auto outcomes = insert_work(session, node, batch);
  write_audit(session, batch, outcomes);
  transaction.commit();
  return outcomes;
}

std::vector<InsertOutcome> insert_unheld(Session& session, NodeId node, std::span<const NewWork> batch) {
  try {
    return insert_logged(session, node, batch);
  } catch (const LockHeld& problem) {
    throw RowHeld(problem.what());
  }
}

}  // namespace

PostgresWorkStore::PostgresWorkStore(SessionPool& pool, ClaimFloor& floor, ClaimFloor& message_floor, Metrics& metrics)
    : pool_(pool),
      floor_(floor),
      message_floor_(message_floor),
      insert_seconds_(call_seconds(metrics, "insert")),
      claim_seconds_(call_seconds(metrics, "claim")),
      settle_seconds_(call_seconds(metrics, "settle")),
      rerun_singly_(metrics.counter("punctual_postgres_batches_rerun_total",
                                    "Batches that were run row by row because one row was refused or held")) {}

template <class Call>
auto PostgresWorkStore::call(Histogram& histogram, Call&& work) {
  return SessionPool::collision_free([&] {
    return pool_.use([&](Session& session) {
      const auto begin = std::chrono::steady_clock::now();
      auto result = work(session);
      histogram.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      return result;
    });
  });
}

std::vector<InsertOutcome> PostgresWorkStore::insert(NodeId node, std::span<const NewWork> batch) {
  if (batch.empty()) return {};
  std::vector<InsertOutcome> outcomes;
  try {
    outcomes = call(insert_seconds_, [&](Session& session) { return insert_unheld(session, node, batch); });
  } catch (const RowRefused&) {
    // One by one, a single one too: what refused it may have been an earlier call of its own that has committed meanwhile.
    outcomes = insert_singly(node, batch);
  } catch (const RowHeld&) {
    if (batch.size() == 1) return {{WriteResult::held_elsewhere, std::nullopt, false}};
    outcomes = insert_singly(node, batch);
  }
  for (const NewWork& work : batch) {
    if (work.execution) floor_.lower(work.execution->scheduled_for);
  }
  return outcomes;
}

std::vector<InsertOutcome> PostgresWorkStore::insert_singly(NodeId node, std::span<const NewWork> batch) {
  rerun_singly_.add();
  std::vector<InsertOutcome> outcomes;
  std::set<std::pair<OrganizationId, std::string>> held_lines;
  std::map<OrganizationId, std::size_t> waits;
  std::size_t all_waits = 0;
  for (const NewWork& one : batch) {
    const OrganizationId organization = one.task.organization_id;
    const auto& queue = one.task.spec.queue;
    const bool hopeless = (queue && held_lines.contains({organization, *queue})) || all_waits == waits_a_batch ||
                          waits[organization] == waits_an_organization;
    outcomes.push_back(hopeless ? InsertOutcome{WriteResult::held_elsewhere, std::nullopt, false}
                                : insert_alone(node, one));
    if (hopeless || outcomes.back().result != WriteResult::held_elsewhere) continue;
    if (queue) held_lines.emplace(organization, *queue);
    ++waits[organization];
    ++all_waits;
  }
  return outcomes;
}

InsertOutcome PostgresWorkStore::insert_alone(NodeId node, const NewWork& work) {
  try {
    return call(insert_seconds_, [&](Session& session) { return insert_unheld(session, node, {&work, 1}); }).front();
  } catch (const RowRefused&) {
    return {WriteResult::conflict, std::nullopt, false};
  } catch (const RowHeld&) {
    return {WriteResult::held_elsewhere, std::nullopt, false};
  }
}

ClaimResult PostgresWorkStore::claim(const ClaimRequest& request) {
  const auto floor = floor_.begin(request.now);
  ClaimBounds bounds{floor.floor, {}};
  {
    const std::lock_guard lock(turn_mutex_);
    bounds.after = last_turn_;
  }
  auto work = call(claim_seconds_, [&](Session& session) { return claim_work(session, request, bounds); });
  floor_.end(floor, work.result.next_due);
  const std::lock_guard lock(turn_mutex_);
  last_turn_ = work.last;
  return std::move(work.result);
}

std::vector<SettleOutcome> PostgresWorkStore::settle(std::span<const Settlement> batch) {
  if (batch.empty()) return {};
  std::vector<SettleOutcome> outcomes;
  try {
    outcomes = call(settle_seconds_, [&](Session& session) { return settle_work(session, batch); });
  } catch (const RowRefused&) {
    if (batch.size() == 1) throw;
    rerun_singly_.add();
    for (const Settlement& one : batch) outcomes.push_back(settle({&one, 1}).front());
  }
  for (const Settlement& item : batch) {
    if (item.retry) floor_.lower(item.retry->scheduled_for);
    if (!item.messages.empty()) message_floor_.lower(item.finished_at);
  }
  return outcomes;
}

void PostgresWorkStore::release(std::span<const ClaimRef> claims) {
  if (claims.empty()) return;
  SessionPool::collision_free([&] {
    return pool_.use([&](Session& session) {
      release_claims(session, claims);
      return true;
    });
  });
  floor_.lower(Time{});
}

void PostgresWorkStore::mark_started(std::span<const StartedClaim> claims) {
  if (claims.empty()) return;
  static const std::string sql = R"sql(
    update executions
    set started_at = started.at
    from (select * from unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) as named (id, token, at) order by id) started
    where executions.id = started.id
      and executions.claim_token is not distinct from started.token)sql";
  Parameters parameters;
  parameters.add_each(claims, [](const StartedClaim& one) { return one.claim.id; });
  parameters.add_each(claims, [](const StartedClaim& one) { return one.claim.token; });
  parameters.add_each(claims, [](const StartedClaim& one) { return one.at; });
  (void)SessionPool::collision_free(
      [&] { return pool_.use([&](Session& session) { return session.run(sql, parameters).changed(); }); });
}

}  // namespace punctual::postgres
