#include "turns.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace punctual::sqlite {
namespace {

void append(std::vector<Candidate>& out, Query& rows) {
  while (rows.next()) out.push_back({rows.get<Time>(0), rows.get<ExecutionId>(1), rows.get<OrganizationId>(2)});
}

void keep_first(std::vector<Candidate>& candidates, std::size_t most) {
  std::sort(candidates.begin(), candidates.end());
  if (candidates.size() > most) candidates.resize(most);
}

// The first of all organisations together.
std::vector<Candidate> first_due(Connection& connection, const ClaimRequest& request, std::size_t most) {
  std::vector<Candidate> out;
  Query free(connection, R"sql(
    select scheduled_for, id, organization_id
    from executions
    where status = 'pending'
      and queue is null
      and held_host is null
      and scheduled_for <= ?1
    order by scheduled_for, id
    limit ?2)sql",
             request.horizon, most);
  append(out, free);
  Query heads(connection, R"sql(
    select ready_at, head_id, organization_id
    from lines
    where ready_at <= ?1
    order by ready_at, head_id
    limit ?2)sql",
              request.now, most);
  append(out, heads);
  keep_first(out, most);
  return out;
}

// How much a claim may bring of each organisation, and how far ahead.
class Bounds {
 public:
  Bounds(TermsReader& terms, const ClaimRequest& request) : terms_(terms), request_(request) {
    for (const Share& share : request.shares) shares_[share.organization_id] = share.most;
  }

  [[nodiscard]] std::size_t most(OrganizationId organization) {
    return std::min(share(organization), terms_.of(organization).room);
  }
  // What is claimed ahead would hold a place that something due could have.
  [[nodiscard]] Time horizon(OrganizationId organization) {
    return terms_.of(organization).capped ? std::min(request_.now, request_.horizon) : request_.horizon;
  }
  [[nodiscard]] bool admit(const std::vector<Candidate>& candidates) {
    std::map<OrganizationId, std::size_t> counts;
    for (const Candidate& candidate : candidates) ++counts[candidate.organization_id];
    return std::all_of(counts.begin(), counts.end(), [&](const auto& count) {
      return !terms_.of(count.first).capped && count.second <= share(count.first);
    });
  }

 private:
  [[nodiscard]] std::size_t share(OrganizationId organization) const {
    const auto found = shares_.find(organization);
    return found == shares_.end() ? request_.share : found->second;
  }

  TermsReader& terms_;
  const ClaimRequest& request_;
  std::map<OrganizationId, std::size_t> shares_;
};

// Goes from one organisation to the next without a look at how much each has.
std::set<OrganizationId> organizations_with_due(Connection& connection, const ClaimRequest& request) {
  std::set<OrganizationId> out;
  Query free(connection, R"sql(
    with recursive waiting (organization_id) as (
      select min(organization_id)
      from executions
      where status = 'pending'
        and queue is null
        and held_host is null
      union all
      select (
        select min(executions.organization_id)
        from executions
        where status = 'pending'
          and queue is null
          and held_host is null
          and executions.organization_id > waiting.organization_id)
      from waiting
      where organization_id is not null)
    select organization_id
    from waiting
    where organization_id is not null
      and exists (
        select 1
        from executions
        where executions.organization_id = waiting.organization_id
          and status = 'pending'
          and queue is null
          and held_host is null
          and scheduled_for <= ?1))sql",
             request.horizon);
  while (free.next()) out.insert(free.get<OrganizationId>(0));
  Query heads(connection, R"sql(
    with recursive waiting (organization_id) as (
      select min(organization_id)
      from lines
      union all
      select (
        select min(lines.organization_id)
        from lines
        where lines.organization_id > waiting.organization_id)
      from waiting
      where organization_id is not null)
    select organization_id
    from waiting
    where organization_id is not null
      and exists (
        select 1
        from lines
        where lines.organization_id = waiting.organization_id
          and ready_at <= ?1))sql",
              request.now);
  while (heads.next()) out.insert(heads.get<OrganizationId>(0));
  return out;
}

// One organisation at its turns: how much more it may have, and where it stands.
struct Turn {
  OrganizationId organization_id;
  std::size_t left = 0;
  Time horizon;
  Time due = Time::min();
  ExecutionId id;
};

class TakingTurns {
 public:
  TakingTurns(Connection& connection, Bounds& bounds, Turns& turns, const ClaimRequest& request)
      : connection_(connection), turns_(turns), request_(request) {
    for (const OrganizationId organization : organizations_with_due(connection, request)) {
      const std::size_t most = bounds.most(organization);
      if (most > 0) waiting_.push_back({organization, most, bounds.horizon(organization)});
    }
    const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                   [&](const Turn& turn) { return turns_.last < turn.organization_id; });
    std::rotate(waiting_.begin(), next, waiting_.end());
  }

  std::vector<Candidate> choose() {
    while (!waiting_.empty() && wanted() > 0) {
      const std::size_t each = std::max<std::size_t>(1, wanted() / waiting_.size());
      for (Turn& turn : waiting_) take(turn, std::min({each, turn.left, wanted()}));
      std::erase_if(waiting_, [](const Turn& turn) { return turn.left == 0; });
    }
    std::sort(chosen_.begin(), chosen_.end());
    return std::move(chosen_);
  }

 private:
  [[nodiscard]] std::size_t wanted() const { return request_.limit - chosen_.size(); }

  void take(Turn& turn, std::size_t most) {
    if (most == 0) return;
    const auto found = next_of(turn, most);
    turn.left = found.size() == most ? turn.left - most : 0;
    if (found.empty()) return;
    turn.due = found.back().due;
    turn.id = found.back().id;
    turns_.last = turn.organization_id;
    chosen_.insert(chosen_.end(), found.begin(), found.end());
  }

  std::vector<Candidate> next_of(const Turn& turn, std::size_t most) {
    std::vector<Candidate> out;
    Query free(connection_, R"sql(
      select scheduled_for, id, organization_id
      from executions
      where organization_id = ?1
        and status = 'pending'
        and queue is null
        and held_host is null
        and (scheduled_for, id) > (?2, ?3)
        and scheduled_for <= ?4
      order by scheduled_for, id
      limit ?5)sql",
               turn.organization_id, turn.due, turn.id, turn.horizon, most);
    append(out, free);
    Query heads(connection_, R"sql(
      select ready_at, head_id, organization_id
      from lines
      where organization_id = ?1
        and (ready_at, head_id) > (?2, ?3)
        and ready_at <= ?4
      order by ready_at, head_id
      limit ?5)sql",
                turn.organization_id, turn.due, turn.id, request_.now, most);
    append(out, heads);
    keep_first(out, most);
    return out;
  }

  Connection& connection_;
  Turns& turns_;
  const ClaimRequest& request_;
  std::vector<Turn> waiting_;
  std::vector<Candidate> chosen_;
};

}  // namespace

std::vector<Candidate> choose_due(Connection& connection, TermsReader& terms, Turns& turns,
                                  const ClaimRequest& request) {
  if (request.limit == 0) return {};
  Bounds bounds(terms, request);
  auto all = first_due(connection, request, request.limit + 1);
  if (all.size() <= request.limit && bounds.admit(all)) return all;
  return TakingTurns(connection, bounds, turns, request).choose();
}

}  // namespace punctual::sqlite
