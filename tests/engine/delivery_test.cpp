// From an accepted task to its stored result.
#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

TEST_CASE_METHOD(EngineFixture, "an immediate task is sent at once and its result stored") {
  Server server(store, clock, host);
  const auto made = create(server, task());
  REQUIRE(server.transport().wait_started(1));
  const auto sent = server.transport().started().at(0);
  CHECK(sent.id == *made.execution_id);
  CHECK(sent.url == "http://target.example/hook");
  CHECK(sent.body == "{}");
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::success));
  const auto stored = server.engine().find_execution(principal, *made.execution_id);
  CHECK(stored.execution.status_code == 200);
  CHECK(stored.execution.started_at == test_start);
  CHECK(stored.request_url == "http://target.example/hook");
  const auto after = server.engine().find_task(principal, made.task.id);
  CHECK(after.last_execution_status == ExecutionStatus::success);
  CHECK_FALSE(after.next_run_at);
}

TEST_CASE_METHOD(EngineFixture, "a delayed task is claimed ahead and never sent early") {
  Server server(store, clock, host);
  const auto made = create(server, task(10s));
  CHECK(made.scheduled_for == test_start + 10s);
  clock.advance(9500ms);  // within the claim-ahead window
  REQUIRE(eventually(
      [&] { return host.metrics().text().find("punctual_claims_total{how=\"ahead\"} 1") != std::string::npos; }));
  CHECK(server.transport().started().empty());
  CHECK(status(server, *made.execution_id) == ExecutionStatus::pending);
  clock.advance(499ms);
  std::this_thread::sleep_for(20ms);
  CHECK(server.transport().started().empty());
  clock.advance(1ms);
  REQUIRE(server.transport().wait_started(1));
  CHECK(reaches(server, *made.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(EngineFixture, "a failed attempt is retried after the backoff, as the same run") {
  EngineSettings settings;
  settings.retry_jitter_percent = 0;
  Server server(store, clock, host, settings);
  server.transport().answer_with(503);
  const auto made = create(server, task());
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::failed));
  const auto attempts = executions(server, made.task.id);
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].attempt == 2);
  CHECK(attempts[0].run_id == *made.execution_id);
  CHECK(attempts[0].status == ExecutionStatus::pending);
  CHECK(attempts[0].scheduled_for >= test_start + 15s);
  CHECK(attempts[0].scheduled_for < test_start + 16s);
  server.transport().answer_with(200);
  clock.advance(14s);
  std::this_thread::sleep_for(20ms);
  CHECK(server.transport().started().size() == 1);
  clock.advance(2s);
  CHECK(reaches(server, attempts[0].id, ExecutionStatus::success));
  CHECK(server.transport().started().at(1).headers != Headers{});
}

TEST_CASE_METHOD(EngineFixture, "no attempt follows the last one allowed") {
  Server server(store, clock, host);
  server.transport().answer_with(500);
  auto draft = task();
  draft.spec.retry_attempts = 1;
  draft.spec.retry_delay = 1s;
  const auto made = create(server, draft);
  REQUIRE(server.transport().wait_started(1));
  REQUIRE(eventually([&] {
    clock.advance(100ms);
    return server.transport().started().size() == 2;
  }));
  clock.advance(1h);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().size() == 2);
  CHECK(executions(server, made.task.id).size() == 2);
}

TEST_CASE_METHOD(EngineFixture, "a running execution shows when its request was sent") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  const auto made = create(server, task());
  REQUIRE(server.transport().wait_started(1));
  const auto shown = server.engine().find_execution(principal, *made.execution_id).execution;
  CHECK(shown.status == ExecutionStatus::running);
  CHECK(shown.started_at == test_start);
  server.transport().finish(*made.execution_id, 200);
  CHECK(reaches(server, *made.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(EngineFixture, "410 disables the task and nothing is sent again") {
  Server server(store, clock, host);
  server.transport().answer_with(410);
  const auto made = create(server, cron_task("* * * * *"));
  clock.advance(61s);
  REQUIRE(server.transport().wait_started(1));
  REQUIRE(eventually([&] { return !server.engine().find_task(principal, made.task.id).spec.enabled; }));
  CHECK_FALSE(server.engine().find_task(principal, made.task.id).next_run_at);
  clock.advance(10min);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE_METHOD(EngineFixture, "an attempt that could not be sent within expires_in is missed") {
  TaskId id;
  {
    Server server(store, clock, host);
    auto draft = task(30s);
    draft.spec.expires_in = 60s;
    id = create(server, draft).task.id;
  }
  clock.advance(2min);
  Server server(store, clock, host);
  REQUIRE(eventually([&] { return executions(server, id).at(0).status == ExecutionStatus::missed; }));
  CHECK(server.transport().started().empty());
}

TEST_CASE_METHOD(EngineFixture, "more due work than there is room for is sent as room becomes free, oldest first") {
  EngineSettings settings;
  settings.max_in_flight = 3;
  Server server(store, clock, host, settings);
  server.transport().answer_with(std::nullopt);
  std::vector<ExecutionId> ids;
  for (int i = 0; i < 10; ++i) {
    // The first three fill the server, in whatever order.
    if (i == 3) REQUIRE(server.transport().wait_started(3));
    ids.push_back(*create(server, task()).execution_id);
    clock.advance(1ms);
  }
  std::this_thread::sleep_for(20ms);
  CHECK(server.transport().started().size() == 3);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    REQUIRE(server.transport().wait_started(i + 1));
    const auto started = server.transport().started().at(i).id;
    if (i >= 3) CHECK(started == ids[i]);
    server.transport().finish(started, 200);
  }
  CHECK(reaches(server, ids.back(), ExecutionStatus::success));
}

TEST_CASE_METHOD(EngineFixture, "a task of a queue waits for the one before it") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  auto draft = task();
  draft.spec.queue = "line";
  const auto first = create(server, draft);
  clock.advance(1ms);
  const auto second = create(server, draft);
  REQUIRE(server.transport().wait_started(1));
  CHECK(server.transport().started().at(0).id == *first.execution_id);
  clock.advance(5s);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().size() == 1);
  server.transport().finish(*first.execution_id, 200);
  REQUIRE(server.transport().wait_started(2));
  CHECK(server.transport().started().at(1).id == *second.execution_id);
  server.transport().finish(*second.execution_id, 200);
  CHECK(reaches(server, *second.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(EngineFixture, "thousands of tasks from many threads are each sent exactly once") {
  Server server(store, clock, host);
  std::vector<std::thread> clients;
  for (int t = 0; t < 8; ++t) {
    clients.emplace_back([&, t] {
      for (int i = 0; i < 250; ++i)
        (void)create(server, task(i % 3 == 0 ? std::optional{seconds{1 + t % 3}} : std::nullopt));
    });
  }
  for (auto& client : clients) client.join();
  clock.advance(5s);
  REQUIRE(server.transport().wait_started(2000));
  std::set<ExecutionId> sent;
  for (const auto& delivery : server.transport().started()) sent.insert(delivery.id);
  CHECK(sent.size() == 2000);
  CHECK(server.transport().started().size() == 2000);
  CHECK(eventually([&] {
    return host.metrics().text().find("punctual_executions_total{status=\"success\"} 2000") != std::string::npos;
  }));
}
