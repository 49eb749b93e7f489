// Plans of the statements that requests depend on, as the plugin's connections make them.
#include <array>
#include <catch2/catch.hpp>

#include "execution_changes.hpp"
#include "execution_pages.hpp"
#include "postgres/plans_fixture.hpp"
#include "sync.hpp"
#include "task_pages.hpp"

using namespace punctual;
using namespace punctual::testing;
using Catch::Matchers::Contains;

namespace {

struct PagePlansFixture : PlansFixture {
  PagePlansFixture() {
    fill();
    analyze();
    session.execute(R"sql(
      set plan_cache_mode = force_generic_plan;
      set enable_seqscan = off;
      set jit = off;)sql");
  }

  // `types` and `values`: those of the statement's parameters.
  [[nodiscard]] std::string plan(const std::string& sql, const std::string& types, const std::string& values) {
    session.execute("prepare looked_at (" + types + ") as " + sql);
    return session.value("explain (analyze, costs off, timing off, summary off, format json) execute looked_at (" +
                         values + ")");
  }
};

const std::string an_organization = "'00000000-0000-0000-0000-000000000001'";

}  // namespace

TEST_CASE_METHOD(PagePlansFixture, "the first page of tasks is read from its index without a sort") {
  const auto found = plan(postgres::first_page_of_tasks({}), "uuid, text, boolean, text, text, text, integer, integer",
                          an_organization + ", null, false, null, null, null, 51, 0");
  CHECK_THAT(found, !Contains("\"Sort\"") && !Contains("Seq Scan") && Contains("organization_id_last_execution_at"));
}

TEST_CASE_METHOD(PagePlansFixture, "the first page of executions is read from its index without a sort") {
  const auto found = plan(postgres::page_of_executions,
                          "uuid, timestamptz, uuid, timestamptz, text, timestamptz, text, integer, integer",
                          an_organization +
                              ", 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '-infinity', null, now(), "
                              "null, 51, 0");
  CHECK_THAT(found, !Contains("\"Sort\"") && !Contains("Seq Scan") && Contains("organization_id_scheduled_for"));
}

TEST_CASE_METHOD(PagePlansFixture, "where less is kept than is stored, older leaves are not looked into") {
  const auto found =
      plan(postgres::page_of_kept_executions,
           "uuid, timestamptz, uuid, timestamptz, text, timestamptz, text, integer, integer, timestamptz",
           an_organization +
               ", 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '-infinity', null, now(), "
               "null, 51, 0, '2026-03-28'");
  CHECK_THAT(found, !Contains("Seq Scan") && Contains("Merge Append") && Contains("organization_id_scheduled_for"));
  CHECK_THAT(found, Contains("\"Subplans Removed\": 3"));
}

TEST_CASE_METHOD(PagePlansFixture, "a sync finds cron tasks by their names, and walks no other tasks") {
  const auto [sql, types, values] = GENERATE(
      std::array<std::string, 3>{postgres::cron_tasks_locked, "uuid", an_organization},
      std::array<std::string, 3>{postgres::named_cron_tasks_locked, "uuid, text[]", an_organization + ", '{a,b}'"});
  CHECK_THAT(plan(sql, types, values), !Contains("Seq Scan") && Contains("\"tasks_keep_cron_names\""));
}

namespace {

// One organisation has all that is finished, thirty of its tasks are special, and those are the oldest.
struct FilteredFixture : PlansFixture {
  FilteredFixture() {
    fill();
    session.execute(R"sql(
      update executions set organization_id = '00000000-0000-0000-0000-000000000001' where tier = 'w';
      update tasks set organization_id = '00000000-0000-0000-0000-000000000001' where next_run_at is null;
      create table special as select id from executions where tier = 'w' order by id limit 30;)sql");
    executions.organization_id = tasks.organization_id = organization(1);
    executions.now = at(-1h);
  }

  // The rows of the page, with the most that a step of its plan met.
  std::size_t executions_found() {
    analyze();
    std::size_t count = 0;
    const auto plans = explained.plans_of(
        [&](postgres::Session& s) { count = postgres::list_executions(s, executions).items.size(); });
    UNSCOPED_INFO(text_of(plans));
    most = most_rows(plans);
    return count;
  }
  std::size_t tasks_found() {
    analyze();
    std::size_t count = 0;
    const auto plans =
        explained.plans_of([&](postgres::Session& s) { count = postgres::list_tasks(s, tasks).items.size(); });
    UNSCOPED_INFO(text_of(plans));
    most = most_rows(plans);
    return count;
  }

  ExecutionQuery executions;
  TaskQuery tasks;
  double most = 0;
};

}  // namespace

TEST_CASE_METHOD(FilteredFixture, "a list of failed executions reads those alone, followed or not") {
  session.execute(R"sql(
    update executions set status = 'failed', followed = right(id::text, 1) < '8' where id in (select id from special);
    update executions set status = 'missed' where tier = 'w' and status <> 'failed' and right(id::text, 1) = '1';)sql");
  executions.status = ExecutionStatus::failed;
  CHECK(executions_found() == 30);
  CHECK(most <= 30);
}

TEST_CASE_METHOD(FilteredFixture, "a retry of many reads no more than it takes") {
  session.execute("update executions set status = 'failed' where tier = 'w'");
  session.execute("update executions set followed = true where tier = 'w' and id not in (select id from special)");
  analyze();
  std::size_t count = 0;
  const RetryFilter filter{{ExecutionStatus::failed, ExecutionStatus::missed}, {}, {}, {}, {}};
  const auto plans = explained.plans_of(
      [&](postgres::Session& s) { count = postgres::lock_retriable(s, organization(1), filter, 100).size(); });
  INFO(text_of(plans));
  CHECK(count == 30);
  CHECK(most_rows(plans) <= 30);
}

TEST_CASE_METHOD(FilteredFixture, "a list of the executions of a queue reads those alone") {
  session.execute("update executions set queue = 'q' where id in (select id from special)");
  executions.queue = "q";
  CHECK(executions_found() == 30);
  CHECK(most <= 30);
}

TEST_CASE_METHOD(FilteredFixture, "a list of pending executions reads those alone, however many have ended") {
  session.execute("update executions set queue = 'q' where status = 'pending' and right(id::text, 1) = '1'");
  executions.status = ExecutionStatus::pending;
  CHECK(executions_found() < 50);
  CHECK(most < 50);
  executions.organization_id = organization(greedy);
  CHECK(executions_found() == 50);
  CHECK(most <= 102);  // a page without and a page with a queue
  executions.queue = "q";
  CHECK(executions_found() == 50);
  CHECK(most <= 51);
}

TEST_CASE_METHOD(FilteredFixture,
                 "a list of running executions reads what is claimed, however much waits or has ended") {
  const auto claimed = work().claim(claim_request(at(-1h), 40)).claimed;
  REQUIRE(claimed.size() == 40);
  executions.organization_id = claimed[0].organization_id;  // organisations take turns
  executions.status = ExecutionStatus::running;
  CHECK(executions_found() >= 1);
  CHECK(most <= 40);
}

TEST_CASE_METHOD(FilteredFixture,
                 "a list of tasks by queue, failure or kind, or of those that never ran, reads those alone") {
  session.execute(R"sql(
    update tasks set queue = 'q', last_execution_status = 'failed' where id in (select id from special);
    insert into tasks (id, organization_id, inserted_at, updated_at, next_run_at, timeout_ms, retry_attempts, tier,
      enabled, schedule_type, timezone, misfire, overlap, method, name, url, headers, body)
    select overlay(id::text placing 'ff' from 1)::uuid, organization_id, inserted_at, updated_at, '2027-01-01', 30000, 0,
      'k', true, 'cron', 'UTC', 'last', 'allow', 'GET', 'name', 'http://example.com/', '', ''
    from tasks where id in (select id from special);)sql");
  SECTION("queue") { tasks.queue = "q"; }
  SECTION("failure") { tasks.status = ExecutionStatus::failed; }
  SECTION("failure in a queue") {
    tasks.queue = "q";
    tasks.status = ExecutionStatus::failed;
  }
  SECTION("kind") { tasks.schedule_type = ScheduleType::cron; }
  SECTION("never ran") {
    tasks.status = ExecutionStatus::pending;
    tasks.schedule_type = ScheduleType::cron;
  }
  CHECK(tasks_found() == 30);
  CHECK(most <= 30);
}

TEST_CASE_METHOD(FilteredFixture, "where less is kept than is stored, lists are read from the same indexes") {
  session.execute(R"sql(
    update executions set status = 'failed', queue = 'q', followed = right(id::text, 1) < '8'
    where id in (select id from special);
    update tasks set queue = 'q', last_execution_status = 'failed' where id in (select id from special);)sql");
  executions.kept_since = tasks.kept_since = at(-24h * 365);
  SECTION("failed executions") {
    executions.status = ExecutionStatus::failed;
    CHECK(executions_found() == 30);
  }
  SECTION("executions of a queue") {
    executions.queue = "q";
    CHECK(executions_found() == 30);
  }
  SECTION("tasks of a queue") {
    tasks.queue = "q";
    CHECK(tasks_found() == 30);
  }
  SECTION("failed tasks") {
    tasks.status = ExecutionStatus::failed;
    CHECK(tasks_found() == 30);
  }
  CHECK(most <= 30);
}
