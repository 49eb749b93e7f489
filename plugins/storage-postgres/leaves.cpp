#include "leaves.hpp"

#include <cstdio>

namespace punctual::postgres {
namespace {

constexpr std::int64_t upkeep_lock = 0x70756e6375;
constexpr std::size_t rows_a_step = 1000;

// Weeks begin on Monday, 00:00 UTC.
Time week_of(Time at) {
  const std::chrono::sys_days day = std::chrono::floor<std::chrono::days>(at);
  return day - (std::chrono::weekday{day} - std::chrono::Monday);
}

std::string suffix_of(Time since) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(since)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "w%04d%02u%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

// Statements that change the schema take no parameters.
std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

std::vector<Leaf> leaves(Session& session) {
  static const std::string sql = R"sql(
    select since, until, suffix
    from leaves
    order by lower)sql";
  const Rows rows = session.run(sql);
  std::vector<Leaf> out;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    out.push_back({rows.get<Time>(at, 0), rows.get<Time>(at, 1), rows.get<std::string>(at, 2)});
  }
  return out;
}

// False: another instance is at it.
bool alone(Session& session) {
  static const std::string sql = "select pg_try_advisory_xact_lock($1)";
  return session.run(sql, upkeep_lock).get<bool>(0, 0);
}

void wait_briefly(Session& session) { session.script("set local lock_timeout = '250ms'"); }

// With what is known now: a plan that was made while a leaf was empty would walk all of it.
void plan_anew(Session& session) { session.script("set local plan_cache_mode = force_custom_plan"); }

std::string quoted_floor(Session& session, Time at) {
  static const std::string sql = "select id_floor($1)::text";
  return "'" + session.run(sql, at).get<std::string>(0, 0) + "'";
}

// Attaching needs no lock that reading or writing the parent is in the way of, unlike "create table … partition of".
void make_leaf(Session& session, const Leaf& leaf) {
  const std::string lower = quoted_floor(session, leaf.since);
  const std::string upper = quoted_floor(session, leaf.until);
  for (const std::string_view parent : {"tasks", "executions"}) {
    session.script(joined({"create table ", parent, "_", leaf.suffix, " (like ", parent,
                           " including defaults including constraints) with (fillfactor = 80)"}));
    session.script(joined({"alter table ", parent, "_weeks attach partition ", parent, "_", leaf.suffix,
                           " for values from (", lower, ") to (", upper, ")"}));
  }
  static const std::string record = R"sql(
    insert into leaves (lower, upper, since, until, suffix)
    values (id_floor($1), id_floor($2), $1, $2, $3))sql";
  (void)session.run(record, leaf.since, leaf.until, leaf.suffix);
}

// At least a whole leaf ahead. What lies between the last leaf and this week, when no server ran for long, is one leaf.
std::vector<Leaf> missing_leaves(const std::vector<Leaf>& there, Time now) {
  std::vector<Leaf> missing;
  Time next = there.empty() ? week_of(now) : there.back().until;
  while (next <= now + leaf_width) {
    const Time until = std::max(next, week_of(now)) + leaf_width;
    missing.push_back({next, until, suffix_of(next)});
    next = until;
  }
  return missing;
}

// `step(Session&)` in a transaction that nobody waits for for long. nullopt: another instance is at it.
template <class Step>
auto take_step(SessionPool& pool, Step step) {
  return pool.write([&](Session& session) -> std::optional<decltype(step(session))> {
    if (!alone(session)) return std::nullopt;
    wait_briefly(session);
    return step(session);
  });
}

// False: another instance is at it.
bool keep_live(SessionPool& pool, const Leaf& leaf) {
  for (std::size_t moved = 1; moved > 0;) {
    const auto step = take_step(pool, [&](Session& session) { return keep_running(session, leaf, rows_a_step); });
    if (!step) return false;
    moved = *step;
  }
  // They lie in keep now, and so does all else that is live: its tasks are found there.
  for (std::optional<TaskId> last = TaskId{}; last;) {
    const auto step = take_step(pool, [&](Session& session) { return keep_tasks(session, leaf, *last, rows_a_step); });
    if (!step) return false;
    last = *step;
  }
  return true;
}

// False: another instance is at it or has done it.
bool drop_leaf(SessionPool& pool, const Leaf& leaf) {
  if (!keep_live(pool, leaf)) return false;
  const auto detached = take_step(pool, [&](Session& session) {
    static const std::string still = "select from leaves where suffix = $1";
    if (session.run(still, leaf.suffix).empty()) return false;
    detach_leaf(session, leaf);
    return true;
  });
  return detached.value_or(false);
}

// Tables that were leaves: those of a server that ended before it could drop them too.
std::vector<std::string> detached_tables(Session& session) {
  static const std::string sql = R"sql(
    select relname::text
    from pg_class
    where relnamespace = current_schema()::regnamespace
      and relkind = 'r'
      and not relispartition
      and relname ~ '^(tasks|executions)_w[0-9]{8}$'
      and not exists (select from leaves where suffix = split_part(relname, '_', 2))
    order by relname)sql";
  const Rows rows = session.run(sql);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < rows.size(); ++at) out.push_back(rows.get<std::string>(at, 0));
  return out;
}

void drop_detached(SessionPool& pool) {
  if (pool.read(detached_tables).empty()) return;
  (void)take_step(pool, [](Session& session) {
    for (const std::string& table : detached_tables(session)) session.script("drop table " + table);
    return true;
  });
}

// That of the organisation that keeps what has ended for the longest.
milliseconds longest_retention(SessionPool& pool, const Upkeep& upkeep) {
  static const std::string sql = "select max(retention_s) from organizations";
  const auto longest =
      pool.read([](Session& session) { return session.run(sql).get<std::optional<std::int64_t>>(0, 0); });
  return std::max(upkeep.retention, milliseconds{seconds{longest.value_or(0)}});
}

void note(UpkeepReport& report, std::size_t count, const std::string& what) {
  if (count > 0) report.done.push_back("deleted " + std::to_string(count) + " " + what);
}

// Calls `part`; what it throws is deferred, and other parts go on.
template <class Part>
bool attempt(UpkeepReport& report, const std::string& failed, Part part) {
  try {
    part();
    return true;
  } catch (const std::exception& problem) {
    report.deferred.push_back(failed + ": " + problem.what());
    return false;
  }
}

}  // namespace

std::size_t keep_running(Session& session, const Leaf& leaf, std::size_t limit) {
  static const std::string sql = R"sql(
    with running as materialized (
      select id, task_id
      from executions
      where tier = 'w'
        and status = 'running'
        and node_id is not null
    )
    update executions
    set tier = 'k'
    where tier = 'w'
      and claim_token is not null
      and id = any (array(
        select id
        from running
        where (id >= id_floor($1) and id < id_floor($2))
          or (task_id >= id_floor($1) and task_id < id_floor($2))
        limit $3)))sql";
  plan_anew(session);
  return session.run(sql, leaf.since, leaf.until, limit).changed();
}

std::optional<TaskId> keep_tasks(Session& session, const Leaf& leaf, TaskId after, std::size_t limit) {
  static const std::string live = R"sql(
    select task_id
    from executions_keep
    where status in ('pending', 'running')
      and task_id > greatest($1, id_floor($2))
      and task_id < id_floor($3)
    order by task_id
    limit $4)sql";
  static const std::string move = R"sql(
    update tasks
    set tier = 'k'
    where tier = 'w'
      and id >= id_floor($1)
      and id < id_floor($2)
      and id = any ($3))sql";
  plan_anew(session);
  const Rows rows = session.run(live, after, leaf.since, leaf.until, limit);
  if (rows.empty()) return std::nullopt;
  std::vector<TaskId> tasks;
  for (std::size_t at = 0; at < rows.size(); ++at) tasks.push_back(rows.get<TaskId>(at, 0));
  Parameters parameters(leaf.since, leaf.until);
  parameters.add_each(tasks, [](TaskId task) { return task; });
  (void)session.run(move, parameters);
  return tasks.back();
}

void detach_leaf(Session& session, const Leaf& leaf) {
  session.script("lock table tasks_" + leaf.suffix + ", executions_" + leaf.suffix + " in access exclusive mode");
  for (const std::string_view parent : {"tasks", "executions"}) {
    session.script(joined({"alter table ", parent, "_weeks detach partition ", parent, "_", leaf.suffix}));
  }
  static const std::string forget = "delete from leaves where suffix = $1";
  (void)session.run(forget, leaf.suffix);
}

UpkeepReport tend_leaves(SessionPool& pool, const Upkeep& upkeep) {
  UpkeepReport report;
  const auto there = pool.read([](Session& session) { return leaves(session); });
  if (!missing_leaves(there, upkeep.now).empty()) {
    std::vector<std::string> made;
    const bool committed = attempt(report, "no new leaf could be made", [&] {
      (void)take_step(pool, [&](Session& session) {
        made.clear();
        for (const Leaf& leaf : missing_leaves(leaves(session), upkeep.now)) {
          make_leaf(session, leaf);
          made.push_back("made the leaf " + leaf.suffix);
        }
        return true;
      });
    });
    if (committed) report.done = std::move(made);
  }
  const Time cutoff = upkeep.now - longest_retention(pool, upkeep);
  for (const Leaf& leaf : there) {
    // An execution may end up to a leaf's width after its id and still lie in the leaf of its id.
    if (leaf.until + leaf_width >= cutoff) break;
    const bool went_on = attempt(report, "the leaf " + leaf.suffix + " could not be dropped", [&] {
      if (drop_leaf(pool, leaf)) report.done.push_back("dropped the leaf " + leaf.suffix);
    });
    if (!went_on) break;
  }
  (void)attempt(report, "what was a leaf could not be dropped", [&] { drop_detached(pool); });
  return report;
}

UpkeepReport clear_keep(SessionPool& pool, const Upkeep& upkeep, std::size_t limit) {
  static const std::string executions = R"sql(
    delete from executions_keep
    where id = any (array(
      select executions_keep.id
      from executions_keep
      join organizations on organizations.id = executions_keep.organization_id
      where finished_at is not null
        and finished_at < $1
        and finished_at < coalesce($2::timestamptz - organizations.retention_s * interval '1 second', $3)
      order by finished_at
      limit $4
      for update of executions_keep skip locked)))sql";
  static const std::string tasks = R"sql(
    delete from tasks_keep
    where id = any (array(
      select tasks_keep.id
      from tasks_keep
      join organizations on organizations.id = tasks_keep.organization_id
      where (deleted_at is not null or (schedule_type = 'once' and next_run_at is null))
        and coalesce(deleted_at, last_execution_at) < $1
        and coalesce(deleted_at, last_execution_at)
          < coalesce($2::timestamptz - organizations.retention_s * interval '1 second', $3)
        and not exists (
          select
          from executions
          where executions.task_id = tasks_keep.id
            and executions.finished_at is null)
      order by coalesce(deleted_at, last_execution_at)
      limit $4
      for update of tasks_keep skip locked)))sql";
  // Nothing that ended after `latest` is over for anybody.
  static const std::string shortest = "select min(retention_s) from organizations";
  const Time cutoff = upkeep.now - upkeep.retention;
  UpkeepReport report;
  const auto clear = [&](const std::string& sql) {
    return pool.write([&](Session& session) {
      const auto least = session.run(shortest).get<std::optional<std::int64_t>>(0, 0);
      const Time latest = least ? std::max(cutoff, Time{upkeep.now - seconds{*least}}) : cutoff;
      return session.run(sql, latest, upkeep.now, cutoff, limit).changed();
    });
  };
  note(report, clear(executions), "old executions");
  note(report, clear(tasks), "old tasks");
  return report;
}

}  // namespace punctual::postgres
