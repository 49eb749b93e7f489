// P3: tasks that are due in an hour, so that nothing is delivered: how many are durable a second. On Postgres beside it what
// pgbench reaches with 40 clients that insert the same rows, each in a commit of its own, by turns in one run.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "postgres_store.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

constexpr std::size_t connections = 128;

// The transaction that a plain program would make: the rows of `made` again, with new ids.
std::filesystem::path write_script(PostgresStore& store, const Created& made, const std::filesystem::path& folder) {
  auto session = store.connect();
  // As ids of version 7 are: the time first.
  const std::string id =
      "(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || "
      "substr(md5(:a || ' ' || :b), 1, 3) || '8' || substr(md5(:b || ' ' || :a), 1, 15))::uuid";
  const std::string task = "(select id from made)";
  const auto values_of = [&](const std::string& table, const std::string& row) {
    // One row as text, so that each transaction brings its values instead of reading them from a table.
    return session.value(
               "select string_agg(format('%I', attname), ',' order by attnum) from pg_attribute where attrelid "
               "= 'punctual." +
               table + "'::regclass and attnum > 0 and not attisdropped") +
           "|" +
           session.value(
               "select string_agg(coalesce(quote_literal(j.value), 'null'), ',' order by a.attnum) from "
               "pg_attribute a left join lateral (select value from jsonb_each_text((select to_jsonb(t) from "
               "punctual." +
               table + " t where id = '" + row +
               "')) where key = a.attname) j on true where "
               "attrelid = 'punctual." +
               table + "'::regclass and attnum > 0 and not attisdropped");
  };
  const auto insert = [&](const std::string& table, const std::string& row, const std::string& returning) {
    const std::string both = values_of(table, row);
    const std::size_t middle = both.find('|');
    return "insert into punctual." + table + " (" + both.substr(0, middle) + ") values (" + both.substr(middle + 1) +
           ")" + returning + ";\n";
  };
  std::string script = "\\set a random(1, 2000000000)\n\\set b random(1, 2000000000)\nbegin;\n";
  const auto with_id = [&](std::string statement, const std::string& old_id) {
    for (std::size_t at = 0; (at = statement.find("'" + old_id + "'", at)) != std::string::npos; at += id.size()) {
      statement.replace(at, old_id.size() + 2, id);
    }
    return statement;
  };
  script += with_id(insert("tasks", made.task_id, ""), made.task_id);
  script += with_id(insert("executions", made.execution_id, ""), made.execution_id);
  script += "commit;\n";
  std::filesystem::path file = folder / "pgbench.sql";
  std::ofstream(file) << script;
  return file;
}

// Transactions a second.
double run_pgbench(PostgresStore& store, const std::filesystem::path& script, milliseconds duration) {
  const std::string said =
      output_of({store.program("pgbench").string(), "-n", "-M", "prepared", "-c", "40", "-j", "1", "-T",
                 std::to_string(std::chrono::ceil<seconds>(duration).count()), "-f", script.string(), store.url()});
  const std::string before = "tps = ";
  const std::size_t at = said.find(before);
  if (at == std::string::npos) throw std::runtime_error("pgbench said: " + said);
  return std::stod(said.substr(at + before.size()));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

}  // namespace

void measure_creates(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  const Created made = deployment.create(deployment.key(), {{"url", deployment.target().origin() + "/n/000000000"},
                                                            {"delay", "1h"},
                                                            {"body", R"({"order":1234,"event":"order.paid"})"}});
  PostgresStore* postgres = deployment.store().postgres();
  std::filesystem::path script;
  if (postgres != nullptr) script = write_script(*postgres, made, stage.place().folder);
  const milliseconds duration = stage.time(seconds{10});
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  Step last;
  std::uint64_t wrong = 0;
  for (int round = 0; round < stage.sized(3, 1); ++round) {
    if (postgres != nullptr) {
      theirs.push_back(run_pgbench(*postgres, script, duration));
      stage.say("pgbench: " + formatted(theirs.back()) + " transactions/s");
    }
    last = run_step(stage, deployment, delayed_only, {.rate = 0, .duration = duration, .connections = connections});
    ours.push_back(last.load.rate());
    wrong += last.load.wrong();
    if (postgres != nullptr) ratios.push_back(ours.back() / theirs.back());
  }
  stage.figure("P3 durable creates", median(ours), "/s");
  stage.figure("P3 durable creates: p95 of " + std::to_string(connections) + " closed loops",
               last.load.latency.percentile_ms(95), "ms");
  stage.figure("P3 durable creates: wrong answers", static_cast<double>(wrong), "", none_at_all);
  if (postgres != nullptr) {
    stage.figure("P3 pgbench, single-row commits, 40 clients", median(theirs), "/s");
    stage.figure("P3 durable creates / pgbench", median(ratios), "", Goal{Bound::at_least, 2});
  }
  stage.cpu("creates", last.cpu, static_cast<double>(last.load.due));
}

}  // namespace punctual::bench
