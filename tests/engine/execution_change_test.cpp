// Executions that clients cancel or retry, also those that another server is sending.
#include <catch2/catch.hpp>

#include <atomic>

#include "engine/engine_fixture.hpp"
#include "engine/faulty_storage.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct CancelFixture : EngineFixture {
  static Reply cancel(Server& server, const Request& request, ExecutionId id) {
    return server.engine().cancel_execution(request, id, [](const Execution& execution) {
      return StoredReply{200, std::string(name_of(execution.status))};
    });
  }
  // How the reply calls it.
  std::string cancel(Server& server, ExecutionId id) { return cancel(server, request(), id).content.body; }

  StartedRun retry(Server& server, ExecutionId id) {
    StartedRun run;
    (void)server.engine().retry_execution(request(), id, [&](const StartedRun& started) {
      run = started;
      return StoredReply{202, ""};
    });
    return run;
  }
};

}  // namespace

TEST_CASE_METHOD(CancelFixture, "a cancelled execution that waits is never sent") {
  Server server(store, clock, host);
  const auto made = create(server, task(10s));
  SECTION("in storage") {}
  SECTION("claimed ahead") {
    clock.advance(9500ms);
    REQUIRE(eventually(
        [&] { return host.metrics().text().find("punctual_claims_total{how=\"ahead\"} 1") != std::string::npos; }));
  }
  CHECK(cancel(server, *made.execution_id) == "cancelled");
  CHECK(status(server, *made.execution_id) == ExecutionStatus::cancelled);
  clock.advance(11s);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().empty());
  CHECK_FALSE(server.engine().find_task(principal, made.task.id).next_run_at);
  CHECK_THROWS_AS(cancel(server, *made.execution_id), Conflict);
}

TEST_CASE_METHOD(CancelFixture, "an execution that is being sent is aborted and not tried again") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  const auto made = create(server, task());
  REQUIRE(server.transport().wait_started(1));
  CHECK(cancel(server, *made.execution_id) == "running");
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::cancelled));
  const auto shown = server.engine().find_execution(principal, *made.execution_id).execution;
  CHECK(shown.finished_at);
  CHECK(server.engine().find_task(principal, made.task.id).last_execution_status == ExecutionStatus::cancelled);
  clock.advance(1h);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().size() == 1);
  CHECK(executions(server).size() == 1);
  CHECK(host.metrics().text().find("status=\"cancelled\"} 1") != std::string::npos);
}

TEST_CASE_METHOD(CancelFixture, "a queue goes on when what it is sending is cancelled") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  auto draft = task();
  draft.spec.queue = "line";
  const auto first = create(server, draft);
  const auto second = create(server, draft);
  REQUIRE(server.transport().wait_started(1));
  CHECK(server.transport().started()[0].id == *first.execution_id);
  (void)cancel(server, *first.execution_id);
  REQUIRE(server.transport().wait_started(2));
  CHECK(server.transport().started()[1].id == *second.execution_id);
}

TEST_CASE_METHOD(CancelFixture, "a cancellation with its key is answered again when it is repeated") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  const auto made = create(server, task());
  REQUIRE(server.transport().wait_started(1));
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"c-1", Digest{1}};
  CHECK(cancel(server, keyed, *made.execution_id).content.body == "running");
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::cancelled));
  const auto again = cancel(server, keyed, *made.execution_id);
  CHECK(again.replayed);
  CHECK(again.content.body == "running");
}

TEST_CASE_METHOD(CancelFixture, "what is not there cannot be cancelled or retried") {
  Server server(store, clock, host);
  CHECK_THROWS_AS(cancel(server, ExecutionId{}), NotFound);
  CHECK_THROWS_AS(retry(server, ExecutionId{}), NotFound);
}

TEST_CASE_METHOD(CancelFixture,
                 "cancellations that race with the sending lose nothing: each ends, and cancelled ones as that") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  constexpr int total = 200;
  std::vector<CreatedTask> made;
  for (int i = 0; i < total; ++i) made.push_back(create(server, task(1s)));
  std::thread time([&] {
    for (int i = 0; i < 300; ++i) {
      clock.advance(5ms);
      std::this_thread::sleep_for(500us);
    }
  });
  for (const auto& one : made) (void)cancel(server, *one.execution_id);
  time.join();
  // Nothing but an abort ends what was sent.
  for (const auto& one : made) REQUIRE(reaches(server, *one.execution_id, ExecutionStatus::cancelled));
}

TEST_CASE_METHOD(CancelFixture, "tasks are cancelled as soon as their ids are known, while they are being sent") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  std::vector<std::thread> clients;
  std::atomic<int> ended{0};
  for (int t = 0; t < 4; ++t) {
    clients.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto made = create(server, task());
        (void)cancel(server, request(), *made.execution_id);
        if (reaches(server, *made.execution_id, ExecutionStatus::cancelled)) ++ended;
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(ended == 200);
}

TEST_CASE_METHOD(CancelFixture, "an execution that another server is sending is aborted there", "[several-servers]") {
  Server owner(store, clock, host);
  owner.transport().answer_with(std::nullopt);
  const auto made = create(owner, task());
  REQUIRE(owner.transport().wait_started(1));
  Server other(store, clock, host);
  CHECK(cancel(other, *made.execution_id) == "running");
  CHECK(reaches(other, *made.execution_id, ExecutionStatus::cancelled));
  CHECK(executions(other).size() == 1);
}

TEST_CASE_METHOD(CancelFixture, "an execution that waits in another server's wheel is cancelled at once",
                 "[several-servers]") {
  EngineSettings settings;
  settings.claim_ahead = 60s;
  Server owner(store, clock, host, settings);
  const auto made = create(owner, task(25s));
  REQUIRE(eventually(
      [&] { return host.metrics().text().find("punctual_claims_total{how=\"ahead\"} 1") != std::string::npos; }));
  EngineSettings idle;
  idle.claim_ahead = 1ms;
  Server other(store, clock, host, idle);
  CHECK(cancel(other, *made.execution_id) == "cancelled");
  CHECK(status(owner, *made.execution_id) == ExecutionStatus::cancelled);
}

TEST_CASE_METHOD(CancelFixture, "what a dead server was sending when it was cancelled is not sent again",
                 "[several-servers]") {
  // A server that died with this claim: nobody answers for it.
  ExecutionId id;
  id.value.bytes[0] = 6;
  {
    auto storage = store.open();
    NodeInfo node;
    node.id.value.bytes[0] = 77;
    node.at = clock.now();
    (void)storage->leases().acquire(node);
    NewWork work;
    work.task.id.value.bytes[0] = 5;
    work.task.organization_id = principal.organization_id;
    work.task.spec = task().spec;
    work.task.spec.name = "left";
    work.task.spec.scheduled_at = clock.now();
    work.task.inserted_at = work.task.updated_at = clock.now();
    work.execution = NewExecution{id, id, 1, clock.now()};
    work.claim = ClaimToken{42};
    (void)storage->work().insert(node.id, {&work, 1});
  }
  Server server(store, clock, host);
  CHECK(cancel(server, id) == "running");
  REQUIRE(reaches_in_time(server, id, ExecutionStatus::cancelled));
  CHECK(server.transport().started().empty());
  CHECK(executions(server).size() == 1);
}

TEST_CASE_METHOD(CancelFixture, "a server aborts what was cancelled though it was not told") {
  auto storage = store.open();
  FaultyStorage faulty(*storage);
  FakeTransport transport(clock);
  transport.answer_with(std::nullopt);
  Transport* const transports[] = {&transport};
  TaskEngine engine(faulty, transports, clock, host, on_time_of_test({}));
  engine.start();
  ExecutionId id;
  (void)engine.create_task(request(), task(), [&](const CreatedTask& created) {
    id = *created.execution_id;
    return StoredReply{202, ""};
  });
  REQUIRE(transport.wait_started(1));
  const NodeId node = storage->leases().list().at(0).node.id;
  const TaskWrite mark{principal.organization_id, {}, node, clock.now(), {&id, 1}, std::nullopt};
  REQUIRE(storage->execution_changes()
              .cancel(mark, id, ForeignClaim::ask, [](const Execution&) { return StoredReply{}; })
              .result == WriteResult::applied);
  CHECK(eventually(
      [&] {
        clock.advance(20ms);
        return engine.find_execution(principal, id).execution.status == ExecutionStatus::cancelled;
      },
      60s));
}

TEST_CASE_METHOD(CancelFixture, "a server that shuts down while it aborts leaves the execution cancelled") {
  ExecutionId id;
  {
    Server server(store, clock, host);
    server.transport().answer_with(std::nullopt);
    id = *create(server, task()).execution_id;
    REQUIRE(server.transport().wait_started(1));
    (void)cancel(server, id);
    server.engine().drain(0ms);
  }
  Server server(store, clock, host);
  CHECK(status(server, id) == ExecutionStatus::cancelled);
  clock.advance(2s);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().empty());
}

TEST_CASE_METHOD(CancelFixture, "a finished execution is sent again, as a run of its own") {
  Server server(store, clock, host);
  server.transport().answer_next(server.transport().response(404));
  const auto made = create(server, task());
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::failed));
  const StartedRun run = retry(server, *made.execution_id);
  REQUIRE(reaches(server, run.execution_id, ExecutionStatus::success));
  CHECK(server.engine().find_execution(principal, run.execution_id).execution.run_id == run.execution_id);
  CHECK(server.transport().started().size() == 2);
}

TEST_CASE_METHOD(CancelFixture, "an execution that has not ended, or whose task is deleted, is not retried") {
  Server server(store, clock, host);
  const auto waiting = create(server, task(1h));
  CHECK_THROWS_WITH(retry(server, *waiting.execution_id), "The execution has not ended");
  const auto done = create(server, task());
  REQUIRE(reaches(server, *done.execution_id, ExecutionStatus::success));
  (void)server.engine().delete_task(request(), done.task.id, {204, ""});
  CHECK_THROWS_WITH(retry(server, *done.execution_id), "Its task has been deleted");
}

TEST_CASE_METHOD(CancelFixture, "many failed executions are sent again, each once") {
  Server server(store, clock, host);
  server.transport().answer_with(404);
  std::vector<CreatedTask> made;
  for (int i = 0; i < 5; ++i) made.push_back(create(server, task()));
  for (const auto& one : made) REQUIRE(reaches(server, *one.execution_id, ExecutionStatus::failed));
  server.transport().answer_with(200);
  const auto retry_many = [&](std::size_t limit) {
    std::size_t count = 0;
    (void)server.engine().retry_executions(request(), {{ExecutionStatus::failed}, {}, {}, {}, {}}, limit,
                                           [&](std::size_t retried) {
                                             count = retried;
                                             return StoredReply{202, ""};
                                           });
    return count;
  };
  CHECK(retry_many(3) == 3);
  CHECK(retry_many(100) == 2);
  CHECK(retry_many(100) == 0);
  REQUIRE(server.transport().wait_started(10));
  for (const auto& one : made) {
    CHECK(eventually([&] {
      return server.engine().find_task(principal, one.task.id).last_execution_status == ExecutionStatus::success;
    }));
  }
  const RetryFilter of_nothing{{ExecutionStatus::failed}, TaskId{}, {}, {}, {}};
  CHECK_THROWS_AS(server.engine().retry_executions(request(), of_nothing, 1, [](std::size_t) { return StoredReply{}; }),
                  NotFound);
}
