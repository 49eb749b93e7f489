// P12: what one delivered task costs the database when it was claimed at insert: WAL, dead tuples, statements, and what they
// consist of. Counted after a warm-up since the last checkpoint, so that whole pages in the WAL are as rare as they are in use.
#include <array>
#include <cstdio>
#include <sstream>
#include <thread>

#include "postgres_store.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

struct Counters {
  std::string place_in_wal;
  double wal = 0;
  double whole_pages = 0;
  double dead = 0;  // tuples; heartbeats are left out, since they cost by the second, not by the task
  double calls = 0;
};

Counters read_counters(testing::PostgresSession& session) {
  const auto number = [&](const std::string& sql) { return std::stod(session.value(sql)); };
  Counters out;
  out.place_in_wal = session.value("select pg_current_wal_lsn()");
  out.wal = number("select pg_wal_lsn_diff('" + out.place_in_wal + "', '0/0')");
  out.whole_pages = number("select wal_fpi from pg_stat_wal");
  out.dead = number(R"sql(
    select coalesce(sum(n_tup_upd + n_tup_del), 0)
    from pg_stat_user_tables
    where relname <> 'nodes')sql");
  out.calls = number(R"sql(
    select coalesce(sum(calls), 0)
    from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())
      and query not like '%pg_stat%')sql");
  return out;
}

// Sessions report what they did at most once a second, and what is left over when they have been idle for 10 s.
Counters settled_counters(const Stage& stage, PostgresStore& store) {
  std::this_thread::sleep_for(stage.sized(milliseconds{10'500}, milliseconds{500}));
  auto session = store.connect();
  return read_counters(session);
}

void say_statements(const Stage& stage, PostgresStore& store, const std::string& title, double tasks) {
  std::istringstream rows(store.connect().value(R"sql(
    select coalesce(string_agg(concat_ws(' ', calls, total_exec_time, text), chr(10) order by total_exec_time desc), '')
    from (
      select calls, total_exec_time, left(regexp_replace(query, '\s+', ' ', 'g'), 110) as text
      from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database())
        and query not like '%pg_stat%'
      order by total_exec_time desc
      limit 20) top)sql"));
  stage.say(title + ": calls a task, microseconds a task, milliseconds a call");
  double calls = 0;
  double total_ms = 0;
  std::string text;
  while (rows >> calls >> total_ms && std::getline(rows, text)) {
    std::array<char, 64> numbers{};
    std::snprintf(numbers.data(), numbers.size(), "%8.4f %8.1f %8.3f ", calls / tasks, total_ms * 1000 / tasks,
                  total_ms / calls);
    stage.say(numbers.data() + text);
  }
}

// What the WAL between two places consists of, by kind of record.
void say_wal(const Stage& stage, PostgresStore& store, const Counters& from, const Counters& to, double tasks) {
  std::istringstream rows(
      output_of({store.program("pg_waldump").string(), "--stats=record", "-p",
                 (store.data_folder() / "pg_wal").string(), "-s", from.place_in_wal, "-e", to.place_in_wal}));
  stage.say("WAL: records a task, bytes a task (whole pages included)");
  for (std::string row; std::getline(rows, row);) {
    // "Heap/INSERT   1234 ( 12.34)   56789 ( 1.2)   0 ( 0.0)   56789 ( 1.2)"
    std::istringstream fields(row);
    std::string name;
    std::string skipped;
    double records = 0;
    double bytes = 0;
    if (!(fields >> name >> records) || name.find('/') == std::string::npos) continue;
    std::vector<std::string> rest;
    while (fields >> skipped) rest.push_back(skipped);
    if (rest.size() < 3) continue;
    const bool apart = rest[rest.size() - 2] == "(";  // "( 1.2)" or "(100.0)"
    bytes = std::stod(rest[rest.size() - (apart ? 3 : 2)]);
    if (bytes / tasks < 5) continue;
    std::array<char, 32> numbers{};
    std::snprintf(numbers.data(), numbers.size(), "%8.3f %8.1f  ", records / tasks, bytes / tasks);
    stage.say(numbers.data() + name);
  }
}

// The statements within functions are only seen when each of them is counted, which costs time of its own.
void look_into_functions(const Stage& stage, Deployment& deployment, const Load& load) {
  PostgresStore& store = *deployment.store().postgres();
  const auto track = [&](const std::string& what) {
    auto session = store.connect();
    session.execute("alter system set pg_stat_statements.track = " + what);
    session.execute("select pg_reload_conf()");
    session.execute("select pg_stat_statements_reset()");
  };
  track("'all'");
  const Step step = run_step(stage, deployment, immediate_only, load);
  say_statements(stage, store, "within functions", static_cast<double>(step.load.accepted.size()));
  track("default");
}

}  // namespace

void measure_cost(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  PostgresStore& store = *deployment.store().postgres();
  const Load load{.rate = stage.sized(1000.0, 300.0), .duration = stage.time(seconds{20})};
  (void)run_step(stage, deployment, immediate_only, load);
  const Counters before = settled_counters(stage, store);
  store.connect().execute("select pg_stat_statements_reset()");
  const Step step = run_step(stage, deployment, immediate_only, load);
  const Counters after = settled_counters(stage, store);
  const auto tasks = static_cast<double>(step.load.accepted.size());
  say_statements(stage, store, "top statements", tasks);
  say_wal(stage, store, before, after, tasks);
  look_into_functions(stage, deployment, {.rate = load.rate, .duration = stage.time(seconds{5})});
  const std::string at = " at " + formatted(load.rate) + "/s";
  stage.figure("P12 WAL a task" + at, (after.wal - before.wal) / tasks, "bytes", Goal{Bound::at_most, 2560});
  stage.figure("P12 whole pages in the WAL a task" + at, (after.whole_pages - before.whole_pages) / tasks, "");
  stage.figure("P12 dead tuples a task" + at, (after.dead - before.dead) / tasks, "", Goal{Bound::at_most, 2});
  stage.figure("P12 statements a task" + at, after.calls / tasks, "");
  add_soundness(stage, "P12 cost", {step});
  stage.cpu("immediate tasks" + at, step.cpu, tasks);
}

}  // namespace punctual::bench
