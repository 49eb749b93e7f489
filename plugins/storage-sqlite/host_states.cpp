#include "host_states.hpp"

#include "executions.hpp"
#include "notices.hpp"

namespace punctual::sqlite {
namespace {

constexpr std::size_t hosts_an_advance = 100;
constexpr std::size_t expired_an_advance = 1000;

const std::string select_host = R"sql(
  select organization_id, name, phase, until, openings, trial, trial_until, pace, next_at
  from hosts)sql";

std::vector<HostState> states_from(Query& rows) {
  std::vector<HostState> out;
  while (rows.next()) {
    out.push_back({{rows.get<OrganizationId>(0), rows.get<std::string>(1)},
                   rows.get<HostPhase>(2),
                   rows.get<Time>(3),
                   rows.get<int>(4),
                   rows.get<std::optional<ExecutionId>>(5),
                   rows.get<Time>(6),
                   rows.get<int>(7),
                   rows.get<Time>(8)});
  }
  return out;
}

std::optional<HostState> find_host(Connection& connection, const HostKey& host) {
  static const std::string sql = select_host + R"sql(
    where organization_id = ?1
      and name = ?2)sql";
  Query row(connection, sql, host.organization_id, host.name);
  auto found = states_from(row);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

void write_host(Connection& connection, const HostState& state) {
  Query(connection, R"sql(
    insert into hosts (organization_id, name, phase, until, openings, trial, trial_until, pace, next_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    on conflict (organization_id, name) do update
    set phase = excluded.phase, until = excluded.until, openings = excluded.openings, trial = excluded.trial,
      trial_until = excluded.trial_until, pace = excluded.pace, next_at = excluded.next_at)sql",
        state.host.organization_id, state.host.name, state.phase, state.until, state.openings, state.trial,
        state.trial_until, state.pace, state.next_at)
      .run();
}

void forget_host(Connection& connection, const HostKey& host) {
  Query(connection, R"sql(
    delete from hosts
    where organization_id = ?1
      and name = ?2)sql",
        host.organization_id, host.name)
      .run();
}

std::optional<HostChange> apply(Connection& connection, const HostReport& report) {
  const auto stored = find_host(connection, report.host);
  const auto after = host_rules::changed(stored, report);
  if (!after || after == stored) return std::nullopt;
  write_host(connection, *after);
  auto change = host_rules::worth_telling(stored, *after);
  if (change && change->kind == HostChange::Kind::closed_by_failures && after->openings == 1) {
    store_notices(
        connection,
        {report.host.organization_id, NoticeEvent::host_circuit_opened, report.at, {}, report.host.name, {}, {}, {}});
  }
  return change;
}

// Ends the claim of what must wait. Held for its host is only what is pending then, of a task that has not changed.
void hold(Connection& connection, LineChanges& lines, const HostQuestion& question) {
  if (!end_claim(connection, lines, {question.id, question.token}, ClaimEnd::given_back)) return;
  Query(connection, R"sql(
    update executions
    set held_host = ?2, hold_ends = ?3
    where id = ?1
      and status = 'pending'
      and exists (
        select 1
        from tasks
        where tasks.id = executions.task_id
          and tasks.updated_at = ?4))sql",
        question.id, question.host.name, question.expires_at, question.task_updated_at)
      .run();
}

bool stands(Connection& connection, const HostQuestion& question) {
  return Query(connection, R"sql(
    select 1
    from executions
    where id = ?1
      and claim_token = ?2)sql",
               question.id, question.token)
      .next();
}

HostAnswer answer(Connection& connection, LineChanges& lines, const HostQuestion& question, Time now) {
  if (!stands(connection, question)) return HostAnswer::held;
  auto state = find_host(connection, question.host);
  const HostAnswer answer = host_rules::ask(state, question, now);
  if (answer == HostAnswer::trial) write_host(connection, *state);
  if (answer == HostAnswer::held) hold(connection, lines, question);
  return answer;
}

// What is held, in an order of its statement's.
std::vector<LiveExecution> held_from(Query& rows) {
  std::vector<LiveExecution> out;
  while (rows.next()) {
    LiveExecution one;
    one.id = rows.get<ExecutionId>(0);
    one.organization_id = rows.get<OrganizationId>(1);
    one.scheduled_for = rows.get<Time>(2);
    one.queue = rows.get<std::optional<std::string>>(3);
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<LiveExecution> held_for(Connection& connection, const HostKey& host, std::size_t limit) {
  Query rows(connection, R"sql(
    select id, organization_id, scheduled_for, queue
    from executions
    where organization_id = ?1
      and held_host = ?2
      and status = 'pending'
    order by scheduled_for, id
    limit ?3)sql",
             host.organization_id, host.name, limit);
  return held_from(rows);
}

std::vector<ExecutionId> let_all_go(Connection& connection, LineChanges& lines, std::span<const LiveExecution> held,
                                    LetGo& report) {
  std::vector<ExecutionId> gone;
  for (const LiveExecution& one : held) {
    let_go(connection, lines, one);
    gone.push_back(one.id);
    report.earliest = std::min(report.earliest.value_or(one.scheduled_for), one.scheduled_for);
  }
  report.executions += gone.size();
  return gone;
}

void advance_host(Connection& connection, LineChanges& lines, const HostState& before, Time now, LetGo& report) {
  HostState state = before;
  const std::size_t due = host_rules::due_to_go(state, now);
  const auto gone = let_all_go(connection, lines, held_for(connection, state.host, due), report);
  const bool more = !held_for(connection, state.host, 1).empty();
  if (host_rules::after_letting_go(state, gone, more, now)) {
    write_host(connection, state);
  } else {
    forget_host(connection, state.host);
  }
  if (const auto change = host_rules::worth_telling(before, state)) report.changes.push_back(*change);
}

std::vector<HostState> due_hosts(Connection& connection, Time now) {
  static const std::string sql = select_host + R"sql(
    where next_at <= ?1
    order by next_at
    limit ?2)sql";
  Query rows(connection, sql, now, hosts_an_advance);
  return states_from(rows);
}

std::vector<LiveExecution> expired(Connection& connection, Time now) {
  Query rows(connection, R"sql(
    select id, organization_id, scheduled_for, queue
    from executions
    where hold_ends <= ?1
      and status = 'pending'
    order by hold_ends
    limit ?2)sql",
             now, expired_an_advance);
  return held_from(rows);
}

}  // namespace

std::vector<HostState> SqliteHostStates::list() {
  return readers_.read([](Connection& connection) {
    Query rows(connection, select_host);
    return states_from(rows);
  });
}

std::vector<HostChange> SqliteHostStates::report(std::span<const HostReport> reports) {
  return writer_.write([&](Connection& connection) {
    std::vector<HostChange> changes;
    for (const HostReport& one : reports) {
      if (auto change = apply(connection, one)) changes.push_back(*std::move(change));
    }
    return changes;
  });
}

std::vector<HostAnswer> SqliteHostStates::ask(std::span<const HostQuestion> questions, Time now) {
  return writer_.write([&](Connection& connection) {
    std::vector<HostAnswer> answers;
    LineChanges lines(connection);
    for (const HostQuestion& question : questions) answers.push_back(answer(connection, lines, question, now));
    lines.refresh();
    return answers;
  });
}

LetGo SqliteHostStates::advance(Time now) {
  return writer_.write([&](Connection& connection) {
    LetGo report;
    LineChanges lines(connection);
    for (const HostState& one : due_hosts(connection, now)) advance_host(connection, lines, one, now, report);
    (void)let_all_go(connection, lines, expired(connection, now), report);
    lines.refresh();
    return report;
  });
}

std::size_t SqliteHostStates::count_held(std::size_t most) {
  return readers_.read([&](Connection& connection) {
    Query held(connection, R"sql(
      select count(*)
      from executions
      where held_host is not null
        and status = 'pending')sql");
    return held.next() ? std::min(held.get<std::size_t>(0), most) : 0;
  });
}

}  // namespace punctual::sqlite
