// Plans of the statements that requests depend on, as the plugin's connections make them.
#include <catch2/catch.hpp>

#include "execution_pages.hpp"
#include "postgres/plans_fixture.hpp"
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
  const auto found = plan(postgres::first_page_of_tasks, "uuid, text, boolean, text, text, text, integer, integer",
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
  const auto found = plan(postgres::page_of_kept_executions,
                          "uuid, timestamptz, uuid, timestamptz, text, timestamptz, text, integer, integer, timestamptz",
                          an_organization +
                              ", 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '-infinity', null, now(), "
                              "null, 51, 0, '2026-03-28'");
  CHECK_THAT(found, !Contains("Seq Scan") && Contains("Merge Append") && Contains("organization_id_scheduled_for"));
  CHECK_THAT(found, Contains("\"Subplans Removed\": 3"));
}
