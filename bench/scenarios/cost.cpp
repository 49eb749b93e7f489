// P12: what one delivered task costs the database when it was claimed at insert: WAL, dead tuples, statements. Counted after
// a warm-up since the last checkpoint, so that whole pages in the WAL are as rare as they are in use.
#include <sstream>
#include <thread>

#include "postgres_store.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

struct Counters {
  double wal = 0;
  double whole_pages = 0;
  double dead = 0;
  double calls = 0;

  static Counters read(testing::PostgresSession& session) {
    const auto number = [&](const std::string& sql) { return std::stod(session.value(sql)); };
    Counters out;
    out.wal = number("select wal_bytes from pg_stat_wal");
    out.whole_pages = number("select wal_fpi from pg_stat_wal");
    out.dead = number("select coalesce(sum(n_tup_upd + n_tup_del), 0) from pg_stat_user_tables");
    out.calls = number(
        "select coalesce(sum(calls), 0) from pg_stat_statements where dbid = (select oid from pg_database where "
        "datname = "
        "current_database()) and query not like '%pg_stat%'");
    return out;
  }
};

// Sessions report what they did once a second, and when they have been idle for a while.
Counters settled_counters(PostgresStore& store) {
  std::this_thread::sleep_for(milliseconds{1500});
  auto session = store.connect();
  return Counters::read(session);
}

void say_rows(const Stage& stage, testing::PostgresSession& session, const std::string& sql) {
  std::istringstream lines(session.value(sql));
  for (std::string line; std::getline(lines, line);) stage.say(line);
}

void say_top_statements(const Stage& stage, PostgresStore& store, double tasks) {
  auto session = store.connect();
  stage.say("top statements (calls a task, microseconds a task, mean ms, calls, rows):");
  say_rows(
      stage, session,
      "select coalesce(string_agg(format('%s  %s  %s  %s  %s  %s', round((calls / " + std::to_string(tasks) +
          ")::numeric, 4), round((total_exec_time * 1000 / " + std::to_string(tasks) +
          ")::numeric, 1), round(mean_exec_time::numeric, 3), calls, rows, left(regexp_replace(query, '\\s+', ' ', "
          "'g'), 90)), chr(10) order by total_exec_time desc), '') from (select * from pg_stat_statements where dbid = "
          "(select oid from pg_database where datname = current_database()) order by total_exec_time desc limit 25) s");
}

}  // namespace

void measure_cost(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.size(244'000, 2'000));
  PostgresStore& store = *deployment.store().postgres();
  const Load load{.rate = stage.sized(1000.0, 300.0), .duration = stage.time(seconds{20})};
  (void)run_step(stage, deployment, immediate_only, load);
  const Counters before = settled_counters(store);
  store.connect().execute("select pg_stat_statements_reset()");
  const Step step = run_step(stage, deployment, immediate_only, load);
  const Counters after = settled_counters(store);
  const auto tasks = static_cast<double>(step.load.accepted.size());
  say_top_statements(stage, store, tasks);
  const std::string at = " at " + formatted(load.rate) + "/s";
  stage.figure("P12 WAL a task" + at, (after.wal - before.wal) / tasks, "bytes", Goal{Bound::at_most, 2560});
  stage.figure("P12 whole pages in the WAL a task" + at, (after.whole_pages - before.whole_pages) / tasks, "");
  stage.figure("P12 dead tuples a task" + at, (after.dead - before.dead) / tasks, "", Goal{Bound::at_most, 2});
  stage.figure("P12 statements a task" + at, after.calls / tasks, "");
  add_soundness(stage, "P12 cost", {step});
  stage.cpu("immediate tasks" + at, step.cpu, tasks);
}

}  // namespace punctual::bench
