// Queues that are paused, resumed and set while a server works on them.
#include <atomic>
#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

const StoredReply done{200, ""};

struct QueueFixture : EngineFixture {
  CreatedTask queued(Server& server, std::optional<seconds> expires_in = std::nullopt) const {
    NewTask draft = task();
    draft.spec.queue = "q";
    draft.spec.expires_in = expires_in;
    return create(server, draft);
  }
  void pause(Server& server) const { (void)server.engine().pause_queue(request(), "q", done); }
  void resume(Server& server) const { (void)server.engine().resume_queue(request(), "q", done); }
  void set(Server& server, const QueueChange& change) const {
    (void)server.engine().change_queue(request(), "q", change, [](const Queue&) { return done; });
  }
  [[nodiscard]] static bool none_started(Server& server, std::size_t so_far) {
    std::this_thread::sleep_for(30ms);
    return server.transport().started().size() == so_far;
  }
};

}  // namespace

TEST_CASE_METHOD(QueueFixture, "a paused queue sends nothing, a resumed one at once and in order") {
  Server server(store, clock, host);
  pause(server);
  const auto first = queued(server);
  const auto second = queued(server);
  CHECK(none_started(server, 0));
  resume(server);
  REQUIRE(reaches(server, *second.execution_id, ExecutionStatus::success));
  const auto started = server.transport().started();
  REQUIRE(started.size() == 2);
  CHECK(started[0].id == *first.execution_id);
}

TEST_CASE_METHOD(QueueFixture, "what is being sent when its queue is paused ends, and nothing follows") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  const auto first = queued(server);
  const auto second = queued(server);
  REQUIRE(server.transport().wait_started(1));
  pause(server);
  server.transport().finish(*first.execution_id, 200);
  REQUIRE(reaches(server, *first.execution_id, ExecutionStatus::success));
  CHECK(none_started(server, 1));
  CHECK(status(server, *second.execution_id) == ExecutionStatus::pending);
  CHECK(server.engine().find_queue(principal, "q").paused);
  resume(server);
  CHECK(server.transport().wait_started(2));
}

TEST_CASE_METHOD(QueueFixture, "a task that expires in a paused queue is missed when that goes on") {
  Server server(store, clock, host);
  pause(server);
  const auto late = queued(server, 10s);
  const auto patient = queued(server);
  clock.advance(11s);
  resume(server);
  REQUIRE(reaches(server, *patient.execution_id, ExecutionStatus::success));
  CHECK(status(server, *late.execution_id) == ExecutionStatus::missed);
  CHECK(server.transport().started().size() == 1);
}

TEST_CASE_METHOD(QueueFixture, "a wide queue sends as many at once as it may") {
  Server server(store, clock, host);
  server.transport().answer_with(std::nullopt);
  set(server, {2, false, {}});
  std::vector<CreatedTask> made;
  for (int i = 0; i < 4; ++i) made.push_back(queued(server));
  REQUIRE(server.transport().wait_started(2));
  CHECK(none_started(server, 2));
  server.transport().finish(*made[1].execution_id, 200);
  REQUIRE(server.transport().wait_started(3));
  set(server, {3, false, {}});
  REQUIRE(server.transport().wait_started(4));
  const auto queue = server.engine().find_queue(principal, "q");
  CHECK(queue.pending == 0);
  CHECK(queue.running == 3);
}

TEST_CASE_METHOD(QueueFixture, "a queue with a rate goes on by itself when the rate lets it") {
  Server server(store, clock, host);
  set(server, {10, true, QueueRate{10, 1s}});
  for (int i = 0; i < 3; ++i) (void)queued(server);
  REQUIRE(server.transport().wait_started(1));
  CHECK(none_started(server, 1));
  clock.advance(100ms);
  REQUIRE(server.transport().wait_started(2));
  CHECK(none_started(server, 2));
  clock.advance(100ms);
  CHECK(server.transport().wait_started(3));
}

TEST_CASE_METHOD(QueueFixture, "a queue that is not known is not found") {
  Server server(store, clock, host);
  CHECK_THROWS_AS(server.engine().find_queue(principal, "q"), NotFound);
  CHECK_THROWS_AS(server.engine().forget_queue(request(), "q", done), NotFound);
  CHECK(server.engine().list_queues(principal).empty());
}

TEST_CASE_METHOD(QueueFixture, "a pause and a resume on one server reach the others", "[several-servers]") {
  // One server has no room, so the other one has to hear of it.
  EngineSettings small;
  small.max_in_flight = 1;
  Server full(store, clock, host, small);
  full.transport().answer_with(std::nullopt);
  (void)create(full, task());
  REQUIRE(full.transport().wait_started(1));
  Server free(store, clock, host);
  pause(full);
  const auto made = queued(full);
  CHECK(none_started(free, 0));
  // Again until the other one listens.
  CHECK(eventually([&] {
    resume(full);
    return !free.transport().started().empty();
  }));
  CHECK(reaches(free, *made.execution_id, ExecutionStatus::success));
}

namespace {

// Another server, played by the test: it has claimed the head of a line and is asked about it.
struct ClaimedElsewhere : QueueFixture {
  PluginInstance<Storage> peer = store.open();
  NodeInfo node;
  ExecutionId id;
  ClaimRef held;

  ClaimedElsewhere() {
    node.id.value.bytes[0] = 77;
    node.at = clock.now();
    (void)peer->leases().acquire(node);
    NewWork work;
    work.task.id.value.bytes[0] = 5;
    work.task.organization_id = principal.organization_id;
    work.task.spec = task().spec;
    work.task.spec.name = "held";
    work.task.spec.queue = "q";
    work.task.spec.scheduled_at = clock.now();
    work.task.inserted_at = work.task.updated_at = clock.now();
    id.value.bytes[0] = 6;
    work.execution = NewExecution{id, id, 1, clock.now()};
    (void)peer->work().insert(node.id, {&work, 1});
    const auto claimed = peer->work().claim({node.id, ClaimToken{42}, clock.now(), clock.now(), 10}).claimed;
    REQUIRE(claimed.size() == 1);
    held = {id, ClaimToken{42}};
  }
};

}  // namespace

TEST_CASE_METHOD(ClaimedElsewhere, "a pause asks another server for what that has claimed and not sent",
                 "[several-servers]") {
  Server server(store, clock, host);
  std::atomic<int> asked{0};
  peer->signals().listen([&](const Signal& signal) {
    if (signal.kind != Signal::Kind::recall || !signal.task_id) return;
    if (++asked == 1) peer->work().release({&held, 1});
  });
  pause(server);
  peer->signals().stop_listening();
  CHECK(asked >= 1);
  CHECK(status(server, id) == ExecutionStatus::pending);
  CHECK(none_started(server, 0));
}

TEST_CASE_METHOD(ClaimedElsewhere, "a pause lets go on what another server says it is sending", "[several-servers]") {
  Server server(store, clock, host);
  peer->signals().listen([&](const Signal& signal) {
    if (signal.kind != Signal::Kind::recall) return;
    const StartedClaim started{held, clock.now()};
    peer->work().mark_started({&started, 1});
  });
  pause(server);
  peer->signals().stop_listening();
  CHECK(status(server, id) == ExecutionStatus::running);
}

TEST_CASE_METHOD(ClaimedElsewhere, "a pause that another server does not answer is not confirmed, but holds",
                 "[several-servers]") {
  Server server(store, clock, host);
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"k", Digest{1}};
  CHECK_THROWS_AS(server.engine().pause_queue(keyed, "q", done), Unavailable);
  CHECK(server.engine().find_queue(principal, "q").paused);
  peer->work().release({&held, 1});
  CHECK(none_started(server, 0));
  CHECK_FALSE(server.engine().pause_queue(keyed, "q", done).replayed);
}
