#include "host_states.hpp"

#include <map>
#include <set>

#include "hot_path.hpp"
#include "live_executions.hpp"
#include "notices.hpp"

namespace punctual::postgres {
namespace {

constexpr std::size_t hosts_an_advance = 100;
constexpr std::size_t expired_an_advance = 1000;

const std::string columns =
    "select organization_id, name, phase, until, openings, trial, trial_until, pace, next_at from hosts";

HostState state_from(const Rows& rows, std::size_t at) {
  RowReader row(rows, at);
  HostState state;
  row.read(state.host.organization_id);
  row.read(state.host.name);
  row.read(state.phase);
  row.read(state.until);
  row.read(state.openings);
  row.read(state.trial);
  row.read(state.trial_until);
  row.read(state.pace);
  row.read(state.next_at);
  return state;
}

// Locked, if it is there.
std::optional<HostState> lock_host(Session& session, const HostKey& host) {
  static const std::string sql = columns + R"sql(
    where organization_id = $1
      and name = $2
    for update)sql";
  const Rows rows = session.run(sql, host.organization_id, host.name);
  if (rows.empty()) return std::nullopt;
  return state_from(rows, 0);
}

void write_host(Session& session, const HostState& state) {
  static const std::string sql = R"sql(
    update hosts
    set phase = $3, until = $4, openings = $5, trial = $6, trial_until = $7, pace = $8, next_at = $9
    where organization_id = $1
      and name = $2)sql";
  (void)session.run(sql, state.host.organization_id, state.host.name, state.phase, state.until,
                    std::int32_t{state.openings}, state.trial, state.trial_until, std::int32_t{state.pace},
                    state.next_at);
}

// False: it is there already, and perhaps not like this.
bool insert_host(Session& session, const HostState& state) {
  static const std::string sql = R"sql(
    insert into hosts (organization_id, name, phase, until, openings, trial, trial_until, pace, next_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict do nothing
    returning true)sql";
  return !session
              .run(sql, state.host.organization_id, state.host.name, state.phase, state.until,
                   std::int32_t{state.openings}, state.trial, state.trial_until, std::int32_t{state.pace},
                   state.next_at)
              .empty();
}

void forget_host(Session& session, const HostKey& host) {
  static const std::string sql = R"sql(
    delete from hosts
    where organization_id = $1
      and name = $2)sql";
  (void)session.run(sql, host.organization_id, host.name);
}

std::optional<HostChange> apply(Session& session, const HostReport& report) {
  for (;;) {
    const auto stored = lock_host(session, report.host);
    const auto after = host_rules::changed(stored, report);
    if (!after || after == stored) return std::nullopt;
    if (stored) {
      write_host(session, *after);
    } else if (!insert_host(session, *after)) {
      continue;  // another server has been first
    }
    return host_rules::worth_telling(stored, *after);
  }
}

// A held execution that is to be let go.
struct Candidate {
  ExecutionId id;
  TaskId task_id;
  OrganizationId organization_id;
  std::optional<std::string> queue;
};

std::vector<Candidate> candidates_from(const Rows& rows) {
  std::vector<Candidate> out(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) {
    RowReader row(rows, at);
    row.read(out[at].id);
    row.read(out[at].task_id);
    row.read(out[at].organization_id);
    row.read(out[at].queue);
  }
  return out;
}

void lock_tasks_and_lines(Session& session, std::span<const Candidate> candidates) {
  static const std::string tasks = "select lock_tasks($1)";
  Parameters named_tasks;
  named_tasks.add_each(candidates, [](const Candidate& one) { return one.task_id; });
  (void)session.run(tasks, named_tasks);

  std::set<std::pair<OrganizationId, std::string>> lines;
  for (const Candidate& one : candidates) {
    if (one.queue) lines.emplace(one.organization_id, *one.queue);
  }
  if (lines.empty()) return;
  static const std::string sql = R"sql(
    select
    from (
      select *
      from unnest($1::uuid[], $2::text[]) as named (organization_id, name)
      order by organization_id, name) named
    join lateral (
      select
      from queues
      where queues.organization_id = named.organization_id
        and queues.name = named.name
      for update) locked on true)sql";
  Parameters parameters;
  parameters.add_each(lines, [](const auto& line) { return line.first; });
  parameters.add_each(lines, [](const auto& line) { return std::string_view(line.second); });
  (void)session.run(sql, parameters);
}

// Makes them claimable, but for those that have been cancelled, changed or let go meanwhile. In order of due time.
std::vector<ExecutionId> let_go(Session& session, std::span<const Candidate> candidates, LetGo& report) {
  if (candidates.empty()) return {};
  lock_tasks_and_lines(session, candidates);
  static const std::string sql = R"sql(
    with gone as (
      update executions_keep
      set held_host = null, hold_ends = null
      from (select * from unnest($1::uuid[]) as named (id) order by id) named
      where executions_keep.id = named.id
        and executions_keep.held_host is not null
        -- Pending, in words that no partial index answers to: a plan made while there was nothing would walk one.
        and executions_keep.claim_token is null
        and executions_keep.finished_at is null
      returning executions_keep.id, executions_keep.organization_id, executions_keep.queue,
        executions_keep.scheduled_for
    )
    select id, scheduled_for, organization_id, queue
    from gone
    order by scheduled_for, id)sql";
  Parameters parameters;
  parameters.add_each(candidates, [](const Candidate& one) { return one.id; });
  const Rows rows = session.run(sql, parameters);
  std::vector<ExecutionId> gone;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const auto due = rows.get<Time>(at, 1);
    gone.push_back(rows.get<ExecutionId>(at, 0));
    report.earliest = std::min(report.earliest.value_or(due), due);
    lower_line(session, rows.get<OrganizationId>(at, 2), rows.get<std::optional<std::string>>(at, 3), due);
  }
  report.executions += gone.size();
  return gone;
}

std::vector<Candidate> held_for(Session& session, const HostKey& host, std::size_t limit) {
  static const std::string sql = R"sql(
    select id, task_id, organization_id, queue
    from executions_keep
    where organization_id = $1
      and held_host = $2
      and status = 'pending'
    order by scheduled_for, id
    limit $3)sql";
  return candidates_from(session.run(sql, host.organization_id, host.name, limit));
}

// Locked; nothing where there is nothing to do, or another server is at it.
std::optional<HostState> lock_due_host(Session& session, const HostKey& host, Time now) {
  static const std::string sql = columns + R"sql(
    where organization_id = $1
      and name = $2
      and next_at <= $3
    for update skip locked)sql";
  const Rows rows = session.run(sql, host.organization_id, host.name, now);
  if (rows.empty()) return std::nullopt;
  return state_from(rows, 0);
}

LetGo let_expired_go(Session& session, Time now) {
  static const std::string sql = R"sql(
    select id, task_id, organization_id, queue
    from executions_keep
    where hold_ends <= $1
      and status = 'pending'
    order by hold_ends
    limit $2)sql";
  LetGo report;
  (void)let_go(session, candidates_from(session.run(sql, now, expired_an_advance)), report);
  return report;
}

std::vector<HostKey> due_hosts(Session& session, Time now) {
  static const std::string sql = R"sql(
    select organization_id, name
    from hosts
    where next_at <= $1
    order by next_at
    limit $2)sql";
  const Rows rows = session.run(sql, now, hosts_an_advance);
  std::vector<HostKey> out;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    out.push_back({rows.get<OrganizationId>(at, 0), rows.get<std::string>(at, 1)});
  }
  return out;
}

// The places in `questions` of those whose claim still stands.
std::set<std::size_t> standing(Session& session, std::span<const HostQuestion> questions) {
  static const std::string sql = R"sql(
    select named.ord
    from unnest($1::uuid[], $2::bigint[]) with ordinality as named (id, token, ord)
    join lateral (
      select
      from executions
      where executions.id = named.id
        and executions.claim_token is not distinct from named.token
      limit 1) claim on true)sql";
  Parameters parameters;
  parameters.add_each(questions, [](const HostQuestion& one) { return one.id; });
  parameters.add_each(questions, [](const HostQuestion& one) { return one.token; });
  const Rows rows = session.run(sql, parameters);
  std::set<std::size_t> out;
  for (std::size_t at = 0; at < rows.size(); ++at)
    out.insert(static_cast<std::size_t>(rows.get<std::int64_t>(at, 0)) - 1);
  return out;
}

void add(LetGo& all, LetGo one) {
  all.executions += one.executions;
  if (one.earliest) all.earliest = std::min(all.earliest.value_or(Time::max()), *one.earliest);
  all.changes.insert(all.changes.end(), std::make_move_iterator(one.changes.begin()),
                     std::make_move_iterator(one.changes.end()));
}

}  // namespace

std::vector<HostAnswer> ask_hosts(Session& session, std::span<const HostQuestion> questions, Time now) {
  std::map<HostKey, std::optional<HostState>> hosts;
  for (const HostQuestion& question : questions) hosts.try_emplace(question.host);
  for (auto& [host, state] : hosts) state = lock_host(session, host);
  std::vector<HostAnswer> answers(questions.size(), HostAnswer::held);
  std::vector<HostQuestion> to_hold;
  for (const std::size_t at : standing(session, questions)) {
    auto& state = hosts.at(questions[at].host);
    answers[at] = host_rules::ask(state, questions[at], now);
    if (answers[at] == HostAnswer::trial) write_host(session, *state);
    if (answers[at] == HostAnswer::held) to_hold.push_back(questions[at]);
  }
  if (!to_hold.empty()) hold_claims(session, to_hold);
  return answers;
}

LetGo advance_host(Session& session, const HostKey& host, Time now) {
  LetGo report;
  const auto before = lock_due_host(session, host, now);
  if (!before) return report;
  HostState state = *before;
  const std::size_t due = host_rules::due_to_go(state, now);
  const auto gone = let_go(session, held_for(session, host, due), report);
  const bool more = !held_for(session, host, 1).empty();
  if (host_rules::after_letting_go(state, gone, more, now)) {
    write_host(session, state);
  } else {
    forget_host(session, host);
  }
  if (const auto change = host_rules::worth_telling(before, state)) report.changes.push_back(*change);
  return report;
}

std::vector<HostState> PostgresHostStates::list() {
  const Rows rows = pool_.read([](Session& session) { return session.run(columns); });
  std::vector<HostState> out;
  for (std::size_t at = 0; at < rows.size(); ++at) out.push_back(state_from(rows, at));
  return out;
}

std::vector<HostChange> PostgresHostStates::report(std::span<const HostReport> reports) {
  // Hosts in one order for everybody; what is said of one stays in its order.
  std::vector<const HostReport*> in_order;
  for (const HostReport& one : reports) in_order.push_back(&one);
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](const HostReport* a, const HostReport* b) { return a->host < b->host; });
  return pool_.write([&](Session& session) {
    std::vector<HostChange> changes;
    std::vector<NewNotice> told;
    for (const HostReport* one : in_order) {
      auto change = apply(session, *one);
      if (!change) continue;
      if (change->kind == HostChange::Kind::closed_by_failures && change->state.openings == 1) {
        told.push_back({one->host.organization_id, NoticeEvent::host_circuit_opened, one->at, {}, one->host.name});
      }
      changes.push_back(*std::move(change));
    }
    store_notices(session, told);
    return changes;
  });
}

std::vector<HostAnswer> PostgresHostStates::ask(std::span<const HostQuestion> questions, Time now) {
  return pool_.write([&](Session& session) { return ask_hosts(session, questions, now); });
}

LetGo PostgresHostStates::advance(Time now) {
  LetGo report;
  for (const HostKey& host : pool_.read([&](Session& session) { return due_hosts(session, now); })) {
    add(report, pool_.write([&](Session& session) { return advance_host(session, host, now); }));
  }
  add(report, pool_.write([&](Session& session) { return let_expired_go(session, now); }));
  if (report.earliest) floor_.lower(*report.earliest);
  return report;
}

std::size_t PostgresHostStates::count_held(std::size_t most) {
  static const std::string sql = R"sql(
    select count(*)
    from (
      select
      from executions_keep
      where status = 'pending'
        and held_host is not null
      limit $1) held)sql";
  return static_cast<std::size_t>(
      pool_.read([&](Session& session) { return session.run(sql, most).get<std::int64_t>(0, 0); }));
}

}  // namespace punctual::postgres
