#include "leaves.hpp"

#include <cstdio>

namespace punctual::postgres {
namespace {

constexpr std::int64_t upkeep_lock = 0x70756e6375;
constexpr std::size_t survivors_a_step = 1000;

struct Leaf {
  Time since;
  Time until;
  std::string suffix;
};

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

// What of the leaf must stay: whatever is still to run and what ended within the time it is to be kept for.
const std::string moved_tasks = R"sql(
    update tasks
    set tier = 'k'
    where tier = 'w'
      and id = any (array(
        select id
        from tasks
        where tier = 'w'
          and id >= id_floor($1)
          and id < id_floor($2)
          and (coalesce(deleted_at, last_execution_at, updated_at) >= $3
            or (deleted_at is null
              and exists (
                select
                from executions
                where executions.task_id = tasks.id
                  and executions.finished_at is null)))
        limit $4))
    returning true)sql";

const std::string moved_executions = R"sql(
    update executions
    set tier = 'k'
    where tier = 'w'
      and id = any (array(
        select id
        from executions
        where tier = 'w'
          and id >= id_floor($1)
          and id < id_floor($2)
          and (finished_at is null or finished_at >= $3)
        limit $4))
    returning true)sql";

std::size_t move_survivors(Session& session, const Leaf& leaf, Time cutoff, std::size_t limit) {
  return session.run(moved_tasks, leaf.since, leaf.until, cutoff, limit).size() +
         session.run(moved_executions, leaf.since, leaf.until, cutoff, limit).size();
}

// Most survivors go before anything is locked, so that the lock is held for a moment.
void drop_leaf(SessionPool& pool, const Leaf& leaf, Time cutoff) {
  while (pool.write([&](Session& session) { return move_survivors(session, leaf, cutoff, survivors_a_step); }) > 0) {
  }
  const bool detached = pool.write([&](Session& session) {
    if (!alone(session)) return false;
    static const std::string still = "select from leaves where suffix = $1";
    if (session.run(still, leaf.suffix).empty()) return false;
    wait_briefly(session);
    session.script("lock table tasks_" + leaf.suffix + ", executions_" + leaf.suffix + " in access exclusive mode");
    (void)move_survivors(session, leaf, cutoff, std::numeric_limits<std::int32_t>::max());
    for (const std::string_view parent : {"tasks", "executions"}) {
      session.script(joined({"alter table ", parent, "_weeks detach partition ", parent, "_", leaf.suffix}));
    }
    static const std::string forget = "delete from leaves where suffix = $1";
    (void)session.run(forget, leaf.suffix);
    return true;
  });
  if (!detached) return;
  (void)pool.write([&](Session& session) {
    session.script("drop table tasks_" + leaf.suffix + ", executions_" + leaf.suffix);
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

}  // namespace

UpkeepReport tend_leaves(SessionPool& pool, const Upkeep& upkeep) {
  UpkeepReport report;
  const auto there = pool.read([](Session& session) { return leaves(session); });
  if (!missing_leaves(there, upkeep.now).empty()) {
    try {
      (void)pool.write([&](Session& session) {
        if (!alone(session)) return false;
        wait_briefly(session);
        for (const Leaf& leaf : missing_leaves(leaves(session), upkeep.now)) {
          make_leaf(session, leaf);
          report.done.push_back("made the leaf " + leaf.suffix);
        }
        return true;
      });
    } catch (const Collision& problem) {
      report.done.clear();
      report.deferred.push_back(std::string("no new leaf could be made: ") + problem.what());
    }
  }
  const Time cutoff = upkeep.now - longest_retention(pool, upkeep);
  for (const Leaf& leaf : there) {
    // An execution may end up to a leaf's width after its id and still lie in the leaf of its id.
    if (leaf.until + leaf_width >= cutoff) break;
    try {
      drop_leaf(pool, leaf, cutoff);
      report.done.push_back("dropped the leaf " + leaf.suffix);
    } catch (const Collision& problem) {
      report.deferred.push_back("the leaf " + leaf.suffix + " could not be dropped: " + problem.what());
      break;
    }
  }
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
