// Plans of the statements that requests depend on, as the plugin's connections make them.
#include <catch2/catch.hpp>

#include "execution_pages.hpp"
#include "support/storage_fixture.hpp"
#include "task_pages.hpp"

using namespace punctual;
using namespace punctual::testing;
using Catch::Matchers::Contains;

namespace {

struct PlansFixture : StorageFixture {
  PlansFixture() {
    // Six weeks of tasks and executions of two hundred organisations.
    for (int week = 0; week <= 5; ++week)
      (void)store().maintenance().upkeep({at(week * 7 * std::chrono::days{1}), 24h * 60});
    session.execute(R"sql(
      set search_path = punctual;
      insert into tasks (id, organization_id, inserted_at, updated_at, last_execution_at, timeout_ms, retry_attempts, tier,
        enabled, schedule_type, timezone, misfire, overlap, method, name, url, headers, body)
      select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || '7' ||
          lpad(to_hex(n), 19, '0'))::uuid, md5((n % 200)::text)::uuid, at, at, at, 30000, 5, 'w', true, 'once', 'UTC',
        'last', 'allow', 'POST', 'name', 'http://example.com/', '', ''
      from (select n, '2026-02-23'::timestamptz + n * interval '110 seconds' as at from generate_series(1, 30000) n) made;
      insert into executions (id, task_id, organization_id, run_id, scheduled_for, finished_at, attempt, status, tier,
        holds, by_schedule)
      select id, id, organization_id, id, inserted_at, inserted_at, 1, 'success', 'w', true, false
      from tasks;
      analyze tasks;
      analyze executions;
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

  PostgresSession session = site.database().postgres()->connect();
};

const std::string an_organization = "'" + std::string("c4ca4238-a0b9-2382-0dcc-509a6f75849b") + "'";  // md5 of 1

}  // namespace

TEST_CASE_METHOD(PlansFixture, "the first page of tasks is read from its index without a sort") {
  const auto found = plan(postgres::first_page_of_tasks, "uuid, text, boolean, text, text, text, integer, integer",
                          an_organization + ", null, false, null, null, null, 51, 0");
  CHECK_THAT(found, !Contains("\"Sort\"") && !Contains("Seq Scan") && Contains("organization_id_last_execution_at"));
}

TEST_CASE_METHOD(PlansFixture, "the first page of executions is read from its index without a sort") {
  const auto found = plan(postgres::page_of_executions,
                          "uuid, timestamptz, uuid, timestamptz, text, timestamptz, text, integer, integer",
                          an_organization +
                              ", 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '-infinity', null, now(), "
                              "null, 51, 0");
  CHECK_THAT(found, !Contains("\"Sort\"") && !Contains("Seq Scan") && Contains("organization_id_scheduled_for"));
}

TEST_CASE_METHOD(PlansFixture, "a task is found by its id in its week and in keep, by primary keys alone") {
  const auto id = session.value("select id from tasks order by id offset 15000 limit 1");
  const auto found = plan("select * from tasks where id = $1 and organization_id = $2 and deleted_at is null",
                          "uuid, uuid", "'" + id + "', " + an_organization);
  CHECK_THAT(found, !Contains("Seq Scan") && Contains("_pkey"));
  std::size_t read = 0;
  for (auto at = found.find("\"Index Name\""); at != std::string::npos; at = found.find("\"Index Name\"", at + 1))
    ++read;
  CHECK(read == 2);
}
