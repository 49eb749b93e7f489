// Edits, deletions and triggers, also of tasks that are about to be sent.
#include <atomic>
#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

// A server that has claimed a task due in half a second into its wheel.
struct ClaimedAhead : EngineFixture {
  Server server{store, clock, host};
  CreatedTask made = create(server, task(10s));

  ClaimedAhead() {
    clock.advance(9500ms);
    REQUIRE(eventually(
        [&] { return host.metrics().text().find("punctual_claims_total{how=\"ahead\"} 1") != std::string::npos; }));
  }

  void pass_due_time() {
    clock.advance(600ms);
    std::this_thread::sleep_for(30ms);
  }
};

}  // namespace

TEST_CASE_METHOD(ClaimedAhead, "an edit reaches an execution that is claimed already") {
  (void)edit(server, made.task.id, [](TaskSpec& spec) { spec.url = "http://target.example/new"; });
  pass_due_time();
  REQUIRE(server.transport().wait_started(1));
  CHECK(server.transport().started().at(0).url == "http://target.example/new");
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE_METHOD(ClaimedAhead, "a deleted task is not sent, though it was claimed") {
  (void)server.engine().delete_task(request(), made.task.id, {204, ""});
  pass_due_time();
  CHECK(server.transport().started().empty());
  CHECK(status(server, *made.execution_id) == ExecutionStatus::cancelled);
  CHECK_THROWS_AS(server.engine().find_task(principal, made.task.id), NotFound);
}

TEST_CASE_METHOD(ClaimedAhead, "a claimed execution moves when its time is changed") {
  const Time later = test_start + 1h;
  (void)edit(
      server, made.task.id, [&](TaskSpec& spec) { spec.scheduled_at = later; }, true);
  pass_due_time();
  CHECK(server.transport().started().empty());
  CHECK(server.engine().find_execution(principal, *made.execution_id).execution.scheduled_for == later);
  CHECK(server.engine().find_task(principal, made.task.id).next_run_at == later);
  clock.advance(1h);
  CHECK(reaches(server, *made.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(ClaimedAhead, "an execution can be moved forward in time") {
  (void)edit(
      server, made.task.id, [&](TaskSpec& spec) { spec.scheduled_at = test_start + 9600ms; }, true);
  clock.advance(100ms);
  CHECK(server.transport().wait_started(1));
}

TEST_CASE_METHOD(EngineFixture, "an edit never runs a finished task again") {
  Server server(store, clock, host);
  const auto made = create(server, task());
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::success));
  CHECK_THROWS_AS(edit(
                      server, made.task.id, [&](TaskSpec& spec) { spec.scheduled_at = test_start + 1h; }, true),
                  Conflict);
  (void)edit(server, made.task.id, [](TaskSpec& spec) { spec.name = "renamed"; });
  CHECK(server.engine().find_task(principal, made.task.id).spec.name == "renamed");
  clock.advance(2h);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE_METHOD(EngineFixture, "a running task cannot be moved, and its end is stored") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  const auto made = create(server, task());
  REQUIRE(server.transport().wait_started(1));
  CHECK_THROWS_AS(edit(
                      server, made.task.id, [&](TaskSpec& spec) { spec.scheduled_at = test_start + 1h; }, true),
                  Conflict);
  (void)edit(server, made.task.id, [](TaskSpec& spec) { spec.name = "renamed"; });
  server.transport().finish(*made.execution_id, 200);
  CHECK(reaches(server, *made.execution_id, ExecutionStatus::success));
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE_METHOD(EngineFixture, "a running attempt of a deleted task ends and is not retried") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  const auto made = create(server, task());
  REQUIRE(server.transport().wait_started(1));
  (void)server.engine().delete_task(request(), made.task.id, {204, ""});
  server.transport().finish(*made.execution_id, 500);
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::failed));
  clock.advance(1h);
  std::this_thread::sleep_for(30ms);
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE_METHOD(EngineFixture, "a triggered task runs now, also when it is disabled") {
  Server server(store, clock, host);
  auto draft = cron_task("0 0 1 1 *");
  draft.spec.enabled = false;
  const auto made = create(server, draft);
  CHECK_FALSE(made.task.next_run_at);
  StartedRun run;
  (void)server.engine().trigger_task(request(), made.task.id, [&](const StartedRun& started) {
    run = started;
    return StoredReply{202, ""};
  });
  CHECK(reaches(server, run.execution_id, ExecutionStatus::success));
  CHECK_THROWS_AS(server.engine().trigger_task(request(), TaskId{}, [](const StartedRun&) { return StoredReply{}; }),
                  NotFound);
}

TEST_CASE_METHOD(EngineFixture, "deleting a queue cancels what waits in it") {
  Server server(store, clock, host);
  auto draft = task(1h);
  draft.spec.queue = "line";
  const auto first = create(server, draft);
  const auto second = create(server, draft);
  const auto other = create(server, task(1h));
  std::size_t count = 0;
  (void)server.engine().delete_queue(request(), "line", [&](std::size_t cancelled) {
    count = cancelled;
    return StoredReply{200, ""};
  });
  CHECK(count == 2);
  CHECK(status(server, *first.execution_id) == ExecutionStatus::cancelled);
  CHECK(status(server, *second.execution_id) == ExecutionStatus::cancelled);
  CHECK(status(server, *other.execution_id) == ExecutionStatus::pending);
}

TEST_CASE_METHOD(EngineFixture, "a repeated request with its key is answered again and done once") {
  Server server(store, clock, host);
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"order-1", Digest{1}};
  int number = 0;
  const auto render = [&](const CreatedTask&) { return StoredReply{202, std::to_string(++number)}; };
  const auto first = server.engine().create_task(keyed, task(), render);
  const auto again = server.engine().create_task(keyed, task(), render);
  CHECK_FALSE(first.replayed);
  CHECK(again.replayed);
  CHECK(again.content == first.content);
  CHECK(executions(server).size() == 1);
  CHECK(server.engine().find_reply(principal, *keyed.idempotency) == first.content);
  keyed.idempotency->request = Digest{2};
  CHECK_THROWS_AS(server.engine().create_task(keyed, task(), render), KeyReused);
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE_METHOD(EngineFixture, "the same key from many threads at once makes one task") {
  Server server(store, clock, host);
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"order-1", Digest{1}};
  std::atomic<int> applied{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < 16; ++t) {
    clients.emplace_back([&] {
      const auto reply = server.engine().create_task(keyed, task(), [](const CreatedTask&) {
        return StoredReply{202, "x"};
      });
      if (!reply.replayed) ++applied;
    });
  }
  for (auto& client : clients) client.join();
  CHECK(applied == 1);
  CHECK(executions(server).size() == 1);
}

TEST_CASE_METHOD(EngineFixture, "edits that race with the due time are either seen whole or not at all") {
  EngineSettings settings;
  settings.claim_ahead = 100ms;
  Server server(store, clock, host, settings);
  // Each task's body is changed together with its URL around its due time; a delivery must never mix the two, and each
  // task must arrive once.
  std::vector<CreatedTask> made;
  for (int i = 0; i < 200; ++i) {
    auto draft = task(1s);
    draft.spec.url = "http://target.example/old";
    draft.spec.body = "old";
    made.push_back(create(server, draft));
  }
  std::thread time([&] {
    for (int i = 0; i < 400; ++i) {
      clock.advance(4ms);
      std::this_thread::sleep_for(500us);
    }
  });
  for (const auto& one : made) {
    (void)edit(server, one.task.id, [](TaskSpec& spec) {
      spec.url = "http://target.example/new";
      spec.body = "new";
    });
  }
  time.join();
  REQUIRE(server.transport().wait_started(200));
  std::this_thread::sleep_for(50ms);
  std::set<ExecutionId> sent;
  for (const auto& delivery : server.transport().started()) {
    CHECK(delivery.url == "http://target.example/" + delivery.body);
    CHECK(sent.insert(delivery.id).second);
  }
  CHECK(sent.size() == 200);
}
