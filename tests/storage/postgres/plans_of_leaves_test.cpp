// Plans of what drops a leaf, and how many rows they met. Each case is run with statements that were planned knowing what is
// stored, and with some that were first planned while the leaf was empty.
#include <catch2/catch.hpp>

#include "leaves.hpp"
#include "postgres/plans_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using postgres::Session;
using Names = std::set<std::string>;

namespace {

constexpr std::size_t a_step = 100;
constexpr int many = 20'000;

struct LeafPlansFixture : PlansFixture {
  LeafPlansFixture() {
    if (while_empty) (void)keep_all();
    // As many have ended in the leaf, in a week in which seven attempts run and 26,000 wait.
    fill();
    session.execute(R"sql(
      insert into tasks (id, organization_id, inserted_at, updated_at, last_execution_at, last_execution_status, timeout_ms,
        retry_attempts, tier, enabled, schedule_type, timezone, misfire, overlap, method, name, url, headers, body)
      select id_at('2026-02-24', 1000000 + n), lpad(to_hex(n % 200), 32, '0')::uuid, at, at, at, 'success', 30000, 5, 'w',
        true, 'once', 'UTC', 'last', 'allow', 'POST', 'name', 'http://example.com/', '', ''
      from (select '2026-02-24'::timestamptz as at) made, generate_series(1, )sql" +
                    std::to_string(many) +
                    R"sql() n;
      insert into executions (id, task_id, organization_id, run_id, scheduled_for, finished_at, attempt, status, tier, holds,
        by_schedule)
      select id, id, organization_id, id, inserted_at, inserted_at, 1, 'success', 'w', true, false
      from tasks
      where id >= id_floor('2026-02-24')
        and id < id_floor('2026-02-25')
        and tier = 'w'
      on conflict do nothing;
      update executions
      set status = 'running', finished_at = null, claim_token = 1, node_id = gen_random_uuid()
      where tier = 'w'
        and id in (select id from executions where tier = 'w' order by id limit 7);)sql");
    if (!while_empty) analyze();
  }

  std::vector<Plan> keep_all() {
    return explained.plans_of([&](Session& s) {
      postgres::Transaction transaction(s);
      running = postgres::keep_running(s, leaf, a_step);
      for (std::optional<TaskId> last = TaskId{}; last; ++steps) last = postgres::keep_tasks(s, leaf, *last, a_step);
      transaction.commit();
    });
  }
  [[nodiscard]] std::string in_leaf(const std::string& of) {
    return session.value("select count(*) from tasks_" + leaf.suffix + " where " + of);
  }

  const bool while_empty = GENERATE(true, false);
  const postgres::Leaf leaf{at(-6 * 24h), at(24h), "w20260223"};
  std::size_t running = 0;
  std::size_t steps = 0;
};

}  // namespace

TEST_CASE_METHOD(
    LeafPlansFixture,
    "what is kept of a leaf is found without looking through it, and nothing is looked for under its lock") {
  const auto plans = keep_all();
  CAPTURE(while_empty, text_of(plans));
  CHECK(running == 7);
  CHECK(most_rows(plans) <= a_step);
  CHECK(indexes_used(plans, "executions_keep") == Names{"executions_keep_live"});
  CHECK(in_leaf("next_run_at is not null") == "0");
  CHECK(std::stoi(in_leaf("true")) > many);
  CHECK(session.value("select count(*) from tasks_keep where next_run_at is not null") == "26000");

  const auto dropping = explained.plans_of([&](Session& s) {
    postgres::Transaction transaction(s);
    postgres::detach_leaf(s, leaf);
    transaction.commit();
  });
  for (const Plan& plan : dropping) {
    for (const PlanStep& step : plan.steps) CHECK((step.table.empty() || step.table == "leaves"));
  }
  CHECK(session.value("select count(*) from executions where status = 'running'") == "7");
}
