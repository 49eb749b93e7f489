#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

TEST_CASE_METHOD(EngineFixture, "a cron task runs at each of its times") {
  Server server(store, clock, host);
  const auto made = create(server, cron_task("*/5 * * * *"));
  CHECK(made.task.next_run_at == test_start + 5min);
  for (int run = 1; run <= 3; ++run) {
    clock.advance(5min);
    REQUIRE(server.transport().wait_started(static_cast<std::size_t>(run)));
    REQUIRE(eventually([&] {
      const auto shown = executions(server, made.task.id);
      return shown.size() == static_cast<std::size_t>(run) && shown[0].status == ExecutionStatus::success;
    }));
    CHECK(executions(server, made.task.id)[0].scheduled_for == test_start + run * 5min);
    CHECK(server.engine().find_task(principal, made.task.id).next_run_at == test_start + (run + 1) * 5min);
  }
}

TEST_CASE_METHOD(EngineFixture, "a cron task is sent at its second, not at the end of a polling interval") {
  Server server(store, clock, host);
  (void)create(server, cron_task("* * * * *"));
  clock.advance(59'500ms);
  REQUIRE(eventually(
      [&] { return host.metrics().text().find("punctual_claims_total{how=\"ahead\"} 1") != std::string::npos; }));
  CHECK(server.transport().started().empty());
  clock.advance(500ms);
  CHECK(server.transport().wait_started(1));
}

TEST_CASE_METHOD(EngineFixture, "of the runs missed while no server was up the last one is made up for") {
  TaskId id;
  {
    Server server(store, clock, host);
    id = create(server, cron_task("* * * * *")).task.id;
  }
  clock.advance(30min + 30s);
  Server server(store, clock, host);
  REQUIRE(server.transport().wait_started(1));
  const auto shown = executions(server, id);
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].scheduled_for == test_start + 30min);
}

TEST_CASE_METHOD(EngineFixture, "with overlap `skip` no run begins while one is under way") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  auto draft = cron_task("* * * * *");
  draft.spec.overlap = Overlap::skip;
  const auto made = create(server, draft);
  clock.advance(1min);
  REQUIRE(server.transport().wait_started(1));
  clock.advance(1min);
  REQUIRE(
      eventually([&] { return server.engine().find_task(principal, made.task.id).next_run_at == test_start + 3min; }));
  CHECK(executions(server, made.task.id).size() == 1);
  const auto first = server.transport().started().at(0).id;
  server.transport().finish(first, 200);
  REQUIRE(reaches(server, first, ExecutionStatus::success));
  clock.advance(1min);
  CHECK(server.transport().wait_started(2));
}

TEST_CASE_METHOD(EngineFixture, "a schedule that cannot be read disables its task and stops no other") {
  {
    // As an older or newer server with other time zones may have left it.
    auto storage = store.open();
    NewWork work;
    work.task.id.value.bytes[0] = 9;
    work.task.organization_id = principal.organization_id;
    work.task.spec = cron_task("* * * * *").spec;
    work.task.spec.name = "bad";
    work.task.spec.timezone = "Mars/Olympus";
    work.task.next_run_at = test_start + 1min;
    work.task.inserted_at = work.task.updated_at = test_start;
    (void)storage->work().insert({}, {&work, 1});
  }
  Server server(store, clock, host);
  const auto good = create(server, cron_task("* * * * *"));
  clock.advance(1min);
  REQUIRE(server.transport().wait_started(1));
  REQUIRE(eventually([&] { return !executions(server, good.task.id).empty(); }));
  TaskId bad;
  bad.value.bytes[0] = 9;
  REQUIRE(eventually([&] { return !server.engine().find_task(principal, bad).spec.enabled; }));
  CHECK(executions(server, bad).empty());
  CHECK(host.logged("Mars/Olympus"));
}

TEST_CASE_METHOD(EngineFixture, "disabling a cron task takes back a run that is already made") {
  Server server(store, clock, host);
  const auto made = create(server, cron_task("* * * * *"));
  clock.advance(59'500ms);
  REQUIRE(eventually(
      [&] { return host.metrics().text().find("punctual_claims_total{how=\"ahead\"} 1") != std::string::npos; }));
  (void)edit(server, made.task.id, [](TaskSpec& spec) { spec.enabled = false; });
  clock.advance(90s);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().empty());
  CHECK(executions(server, made.task.id).empty());
  (void)edit(server, made.task.id, [](TaskSpec& spec) { spec.enabled = true; });
  CHECK(server.engine().find_task(principal, made.task.id).next_run_at == test_start + 3min);
}

TEST_CASE_METHOD(EngineFixture, "an edit of the schedule moves the next run") {
  Server server(store, clock, host);
  const auto made = create(server, cron_task("0 12 * * *"));
  (void)edit(server, made.task.id, [](TaskSpec& spec) { spec.cron_expression = "30 10 * * *"; });
  CHECK(server.engine().find_task(principal, made.task.id).next_run_at == test_start + 30min);
  clock.advance(30min);
  CHECK(server.transport().wait_started(1));
}
