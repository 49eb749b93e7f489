// P8: the highest rate of P5 without and then with a transaction open that has read both tables, so that nothing that is
// over can be vacuumed: dead index entries pile up where claims and results look. Meanwhile the server has a leaf to make and
// one to drop, which the open transaction is in the way of.
#include <algorithm>

#include "postgres_store.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {

namespace {

// How often a server looks after its leaves.
constexpr seconds upkeep_interval{60};

// Takes the leaf of the coming week away and adds one that is long over.
constexpr auto disarrange_leaves = R"sql(
  set search_path = punctual;
  do $$
  declare
    v_newest text := (select suffix from leaves order by lower desc limit 1);
    v_since timestamptz := (select min(since) - interval '10 weeks' from leaves);
    v_until timestamptz := v_since + interval '7 days';
    v_table text;
  begin
    foreach v_table in array array['tasks', 'executions']
    loop
      execute format('alter table %1$s_weeks detach partition %1$s_%2$s', v_table, v_newest);
      execute format('drop table %s_%s', v_table, v_newest);
      execute format('create table %1$s_old (like %1$s including defaults including constraints)', v_table);
      execute format('alter table %1$s_weeks attach partition %1$s_old for values from (%2$L) to (%3$L)', v_table,
        id_floor(v_since), id_floor(v_until));
    end loop;
    delete from leaves
    where suffix = v_newest;
    insert into leaves (lower, upper, since, until, suffix)
    values (id_floor(v_since), id_floor(v_until), v_since, v_until, 'old');
  end
  $$)sql";

double longest_ms(const LoadReport& load) {
  microseconds longest{};
  for (const auto& second : load.seconds) longest = std::max(longest, second.worst);
  return static_cast<double>(longest.count()) / 1000;
}

void add_leaves(const Stage& stage, PostgresStore& store, const std::string& when) {
  auto session = store.connect();
  const auto ahead = session.value("select count(*) from punctual.leaves where since > now()");
  const auto old = session.value("select count(*) from punctual.leaves where suffix = 'old'");
  stage.figure("P8 leaves ahead " + when, std::stod(ahead), "", Goal{Bound::at_least, 1});
  stage.figure("P8 old leaves " + when + " (they may wait)", std::stod(old), "");
}

}  // namespace

void measure_pinned(const Stage& stage) {
  Deployment deployment = stage.deploy();
  deployment.fill_finished(stage.stored());
  PostgresStore& store = *deployment.store().postgres();
  std::vector<Step> steps;
  const milliseconds step_time = stage.time(seconds{10});
  const double start = stage.sized(1000.0, 200.0);
  const auto highest = [&](double from) {
    return highest_rate(stage, from, [&](double rate) { return keeps_up(stage, deployment, rate, step_time, steps); });
  };
  const double without = highest(start);
  const Load load{.rate = std::max(start, without * 0.8), .duration = step_time};
  steps.push_back(run_step(stage, deployment, immediate_only, load));
  stage.cpu("before the horizon is pinned", steps.back().cpu, static_cast<double>(steps.back().load.due));

  auto session = store.connect();
  session.execute(disarrange_leaves);
  session.execute(
      "begin isolation level repeatable read; select count(*) from punctual.tasks; select count(*) from "
      "punctual.executions");
  stage.say("pinned");
  const milliseconds pinned_for = stage.time(seconds{300});
  steps.push_back(run_step(stage, deployment, immediate_only, {.rate = load.rate, .duration = pinned_for}));
  stage.cpu("while it is pinned, at the same rate", steps.back().cpu, static_cast<double>(steps.back().load.due));
  const double stall = longest_ms(steps.back().load);
  if (pinned_for > 2 * upkeep_interval) add_leaves(stage, store, "while pinned");
  const double with = highest(stage.brief() ? start : std::max(200.0, without * 0.4));
  session.execute("rollback");

  stage.figure("P8 sustained without", without, "tasks/s");
  stage.figure("P8 sustained with a pinned horizon", with, "tasks/s");
  stage.figure("P8 with / without", without > 0 ? with / without : 0, "", Goal{Bound::at_least, 0.8});
  stage.figure("P8 longest latency in " + std::to_string(pinned_for.count() / 1000) + " s pinned", stall, "ms");
  add_soundness(stage, "P8 pinned", steps);
}

}  // namespace punctual::bench
