// Crashes, restarts, shutdown, and storage that fails.
#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"
#include "engine/faulty_server.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

// Leaves the store as a server leaves it that was killed with this claim.
ExecutionId leave_claim(EngineFixture& fixture) {
  auto storage = fixture.store.open();
  NodeInfo node;
  node.id.value.bytes[0] = 77;
  node.at = fixture.clock.now();
  (void)storage->leases().acquire(node);
  NewWork work;
  work.task.id.value.bytes[0] = 5;
  work.task.organization_id = fixture.principal.organization_id;
  work.task.spec = fixture.task().spec;
  work.task.spec.name = "left";
  work.task.spec.scheduled_at = fixture.clock.now();
  work.task.inserted_at = work.task.updated_at = fixture.clock.now();
  ExecutionId id;
  id.value.bytes[0] = 6;
  work.execution = NewExecution{id, id, 1, fixture.clock.now()};
  work.claim = ClaimToken{42};
  (void)storage->work().insert(node.id, {&work, 1});
  return id;
}

// A heartbeat goes by, and the server begins to look around; what it did before is over then.
[[nodiscard]] bool looks_around(const FaultyStorage& faulty, FakeClock& clock) {
  const int before = faulty.looks();
  clock.advance(1s);
  return eventually([&] { return faulty.looks() > before; }, 60s);
}

// Work waits in the wheel for long, so that a test which moves the clock by small steps does not overtake it.
EngineSettings far_ahead() {
  EngineSettings settings;
  settings.claim_ahead = 60s;
  return settings;
}

constexpr const char* claimed_one = "punctual_claims_total{how=\"ahead\"} 1";
constexpr const char* claimed_three = "punctual_claims_total{how=\"ahead\"} 3";
constexpr const char* claimed_two = "punctual_claims_total{how=\"ahead\"} 2";

}  // namespace

TEST_CASE_METHOD(EngineFixture, "what a killed server had under way is sent by its successor") {
  const auto id = leave_claim(*this);
  const Time killed_at = clock.now();
  Server server(store, clock, host);
  if (store.allows_several_servers()) {
    REQUIRE(reaches_in_time(server, id, ExecutionStatus::success));
    CHECK(clock.now() - killed_at >= 10s);
    CHECK(host.logged("returned 1 of their executions"));
  } else {
    REQUIRE(reaches(server, id, ExecutionStatus::success));
    CHECK(host.logged("returned 1 executions"));
  }
  CHECK(executions(server).at(0).attempt == 1);
}

TEST_CASE_METHOD(EngineFixture, "an attempt that took three servers with it counts as failed and is retried later") {
  const auto id = leave_claim(*this);
  // Two more servers die with it in their hands.
  for (std::uint8_t n = 0; n < 2; ++n) {
    auto storage = store.open();
    NodeInfo node;
    node.id.value.bytes[0] = static_cast<std::uint8_t>(80 + n);
    node.at = clock.now();
    (void)storage->leases().acquire(node);
    // Where several servers may be alive, the dead one is known by its silence.
    (void)storage->leases().rescue(node.id, clock.monotonic(), 10s);
    (void)storage->leases().rescue(node.id, clock.monotonic() + 11s, 10s);
    REQUIRE(storage->work().claim({node.id, ClaimToken{50 + n}, clock.now(), clock.now(), 10}).claimed.size() == 1);
  }
  Server server(store, clock, host);
  REQUIRE(reaches_in_time(server, id, ExecutionStatus::failed));
  CHECK(server.transport().started().empty());
  CHECK(executions(server).size() == 2);
}

TEST_CASE_METHOD(EngineFixture, "a second server on a store that has room for one is refused", "[one-server]") {
  Server server(store, clock, host);
  CHECK_THROWS_AS(Server(store, clock, host), Conflict);
}

TEST_CASE_METHOD(EngineFixture, "a second server works beside the first", "[several-servers]") {
  Server server(store, clock, host);
  Server second(store, clock, host);
  for (Server* one : {&server, &second}) {
    const auto made = create(*one, task());
    CHECK(reaches(server, *made.execution_id, ExecutionStatus::success));
    CHECK(reaches(second, *made.execution_id, ExecutionStatus::success));
  }
  CHECK(server.transport().started().size() + second.transport().started().size() == 2);
}

TEST_CASE_METHOD(EngineFixture, "a change made on one server reaches what another has claimed", "[several-servers]") {
  EngineSettings settings;
  settings.claim_ahead = 60s;
  Server owner(store, clock, host, settings);
  const auto edited = create(owner, task(30s));
  const auto deleted = create(owner, task(30s));
  REQUIRE(eventually([&] { return host.metrics().text().find(claimed_two) != std::string::npos; }));
  EngineSettings late;
  late.claim_ahead = 1ms;
  Server other(store, clock, host, late);
  (void)edit(other, edited.task.id, [](TaskSpec& spec) { spec.body = "new"; });
  (void)other.engine().delete_task(request(), deleted.task.id, {204, ""});
  CHECK(status(owner, *deleted.execution_id) == ExecutionStatus::cancelled);
  clock.advance(30s);
  REQUIRE(reaches_in_time(owner, *edited.execution_id, ExecutionStatus::success));
  auto sent = owner.transport().started();
  for (const auto& one : other.transport().started()) sent.push_back(one);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].body == "new");
}

TEST_CASE_METHOD(EngineFixture,
                 "a server whose heartbeat hangs sends for 5 s more, then nothing until it is answered") {
  FaultyServer server(*this, far_ahead());
  for (const auto delay : {4s, 5s, 6s}) {
    (void)server.engine.create_task(request(), task(delay), [](const CreatedTask&) { return StoredReply{202, ""}; });
  }
  REQUIRE(eventually([&] { return host.metrics().text().find(claimed_three) != std::string::npos; }));
  server.faulty.hang_heartbeats(true);
  // The clock has stood still since the lease was taken.
  clock.advance(4s);
  REQUIRE(server.transport.wait_started(1));
  clock.advance(1s + 1ms);
  std::this_thread::sleep_for(100ms);  // long enough for it to be sent, if it were
  clock.advance(26s);
  std::this_thread::sleep_for(100ms);
  CHECK(server.transport.started().size() == 1);
  server.faulty.hang_heartbeats(false);
  CHECK(server.transport.wait_started(3));
}

TEST_CASE_METHOD(EngineFixture, "a server whose clock is too far from the database's does not start",
                 "[several-servers]") {
  const auto offset = GENERATE(-10s, 10s, -2s, 2s);
  SystemClock machine;
  FakeClock wrong(machine.now() + offset);
  const auto storage = store.open();
  FakeTransport transport(wrong);
  const std::array<Transport*, 1> transports{&transport};
  TaskEngine engine(*storage, transports, wrong, host, EngineSettings{});
  if (std::chrono::abs(offset) > 5s) {
    CHECK_THROWS_WITH(engine.start(), Catch::Contains("engine.max_clock_offset") &&
                                          Catch::Contains(offset > 0s ? "ahead of" : "behind"));
    CHECK(storage->leases().list().empty());
  } else {
    CHECK_NOTHROW(engine.start());
  }
}

TEST_CASE_METHOD(EngineFixture, "what another server is sending is left alone by an edit and seen as running",
                 "[several-servers]") {
  Server owner(store, clock, host);
  owner.transport().answer_with(std::nullopt);
  const auto made = create(owner, task());
  REQUIRE(owner.transport().wait_started(1));
  Server other(store, clock, host);
  (void)other.engine().delete_task(request(), made.task.id, {204, ""});
  CHECK(status(other, *made.execution_id) == ExecutionStatus::running);
  CHECK(other.engine().find_execution(principal, *made.execution_id).execution.started_at);
  owner.transport().finish(*made.execution_id, 200);
  CHECK(reaches(other, *made.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(EngineFixture, "a draining server takes no work, and returns what it holds to pending unrescued") {
  ExecutionId waiting;
  ExecutionId open;
  {
    Server server(store, clock, host);
    server.transport().answer_with(std::nullopt);
    open = *create(server, task()).execution_id;
    waiting = *create(server, task(1s)).execution_id;
    REQUIRE(server.transport().wait_started(1));
    server.engine().drain(0ms);
    CHECK_THROWS_AS(create(server, task()), Unavailable);
    CHECK(status(server, open) == ExecutionStatus::pending);
    CHECK(status(server, waiting) == ExecutionStatus::pending);
  }
  clock.advance(2s);
  Server server(store, clock, host);
  CHECK(reaches(server, open, ExecutionStatus::success));
  CHECK(reaches(server, waiting, ExecutionStatus::success));
  CHECK_FALSE(host.logged("did not shut down"));
}

TEST_CASE_METHOD(EngineFixture, "a result that cannot be stored is kept until it can") {
  FaultyServer server(*this);
  auto& faulty = server.faulty;
  auto& transport = server.transport;
  auto& engine = server.engine;
  faulty.fail_settle(5);
  ExecutionId id;
  (void)engine.create_task(request(), task(), [&](const CreatedTask& created) {
    id = *created.execution_id;
    return StoredReply{202, ""};
  });
  CHECK(eventually([&] { return engine.find_execution(principal, id).execution.status == ExecutionStatus::success; }));
  CHECK(transport.started().size() == 1);
  CHECK(host.logged("storing results failed"));
}

TEST_CASE_METHOD(EngineFixture, "work whose insert failed is neither sent nor keeps its place") {
  EngineSettings settings;
  settings.max_in_flight = 1;
  FaultyServer server(*this, settings);
  auto& faulty = server.faulty;
  auto& transport = server.transport;
  auto& engine = server.engine;
  const auto render = [](const CreatedTask&) { return StoredReply{202, ""}; };
  faulty.fail_insert(3);
  CHECK_THROWS_AS(engine.create_task(request(), task(), render), Unavailable);
  CHECK(transport.started().empty());
  (void)engine.create_task(request(), task(), render);
  CHECK(transport.wait_started(1));
}

TEST_CASE_METHOD(EngineFixture, "work whose insert was answered too late is accepted once and sent once") {
  FaultyServer server(*this);
  server.faulty.lose_insert_answers(2);
  (void)server.engine.create_task(request(), task(), [](const CreatedTask&) { return StoredReply{202, ""}; });
  REQUIRE(server.transport.wait_started(1));
  CHECK(eventually([&] {
    const auto page = server.engine.list_executions({principal.organization_id, clock.now()});
    return page.items.size() == 1 && page.items[0].status == ExecutionStatus::success;
  }));
  CHECK(server.transport.started().size() == 1);
}

TEST_CASE_METHOD(EngineFixture,
                 "a batch whose insert was answered too late is accepted once and each of it sent once") {
  FaultyServer server(*this);
  server.faulty.lose_insert_answers(2);
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"batch", Digest{1}};
  const auto reply = server.engine.create_tasks(keyed, {20, task()}, [](std::span<const NewWork>) {
    return StoredReply{201, ""};
  });
  CHECK_FALSE(reply.replayed);
  REQUIRE(server.transport.wait_started(20));
  const auto succeeded = [&] {
    ExecutionQuery query{principal.organization_id, clock.now()};
    query.status = ExecutionStatus::success;
    return server.engine.list_executions(query).items.size();
  };
  CHECK(eventually([&] { return succeeded() == 20; }));
  CHECK(server.transport.started().size() == 20);
}

TEST_CASE_METHOD(EngineFixture, "a batch that cannot be stored leaves its places to others") {
  EngineSettings settings;
  settings.max_in_flight = 20;
  FaultyServer server(*this, settings);
  server.transport.answer_with(std::nullopt);
  const auto create_all = [&] {
    (void)server.engine.create_tasks(request(), {15, task()}, [](std::span<const NewWork>) {
      return StoredReply{201, ""};
    });
  };
  server.faulty.fail_insert(3);
  CHECK_THROWS_AS(create_all(), Unavailable);
  CHECK(server.transport.started().empty());
  create_all();
  // Nothing is answered, so had the first batch kept its places only five of these could start. A round of claims may hold
  // some places for a moment: whether one of these is claimed at its insert or after it is left open.
  CHECK(server.transport.wait_started(15));
}

TEST_CASE_METHOD(EngineFixture, "a claim stored by commits whose answers were all lost is returned and sent") {
  FaultyServer server(*this);
  auto& faulty = server.faulty;
  auto& transport = server.transport;
  auto& engine = server.engine;
  faulty.lose_insert_answers(3);
  CHECK_THROWS_AS(engine.create_task(request(), task(),
                                     [](const CreatedTask&) {
                                       return StoredReply{202, ""};
                                     }),
                  Timeout);
  CHECK(transport.started().empty());
  CHECK(eventually([&] {
    clock.advance(1s);
    return transport.started().size() == 1;
  }));
}

TEST_CASE_METHOD(EngineFixture,
                 "a claim stored by an insert whose repetition found its own key in use is sent before long") {
  FaultyServer server(*this);
  server.faulty.cross_insert();
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"key", Digest{1}};
  const std::size_t count = GENERATE(1, 3);
  Reply reply;
  if (count == 1) {
    reply = server.engine.create_task(keyed, task(), [](const CreatedTask&) { return StoredReply{202, "made"}; });
  } else {
    reply = server.engine.create_tasks(keyed, {count, task()}, [](std::span<const NewWork>) {
      return StoredReply{201, "made"};
    });
  }
  CHECK(reply.content.body == "made");
  CHECK(server.transport.started().empty());
  // Two looks around are enough, but in vain while the database is busy. Without a suspicion the first that asks what the lease
  // holds would come after ten seconds.
  for (int beats = 0; beats < 8; ++beats) REQUIRE(looks_around(server.faulty, clock));
  CHECK(server.transport.wait_started(count));
}

TEST_CASE_METHOD(EngineFixture, "a request that is repeated by its client leads to no look at what the lease holds") {
  FaultyServer server(*this);
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"key", Digest{1}};
  for (const bool replayed : {false, true, true}) {
    const auto reply = server.engine.create_task(keyed, task(), [](const CreatedTask&) {
      return StoredReply{202, ""};
    });
    CHECK(reply.replayed == replayed);
  }
  for (int beats = 0; beats < 3; ++beats) REQUIRE(looks_around(server.faulty, clock));
  CHECK(server.faulty.times_asked_held() == 0);
}

TEST_CASE_METHOD(EngineFixture, "a server whose lease was judged dead drops its wheel and goes on under a new one") {
  FaultyServer server(*this, far_ahead());
  auto& faulty = server.faulty;
  auto& transport = server.transport;
  auto& engine = server.engine;
  ExecutionId id;
  (void)engine.create_task(request(), task(25s), [&](const CreatedTask& created) {
    id = *created.execution_id;
    return StoredReply{202, ""};
  });
  REQUIRE(eventually([&] { return host.metrics().text().find(claimed_one) != std::string::npos; }));
  faulty.lose_lease();
  REQUIRE(eventually([&] {
    clock.advance(100ms);
    return host.logged("a new lease is taken");
  }));
  // Where several servers may be alive, this one finds its own former lease silent.
  CHECK(eventually(
      [&] {
        clock.advance(20ms);
        return engine.find_execution(principal, id).execution.status == ExecutionStatus::success;
      },
      60s));
  CHECK(transport.started().size() == 1);
}

TEST_CASE_METHOD(EngineFixture, "after an outage what was under way is settled, not sent again, and the rest goes on") {
  FaultyServer server(*this, far_ahead());
  auto& faulty = server.faulty;
  auto& transport = server.transport;
  auto& engine = server.engine;
  transport.answer_with(std::nullopt);
  std::vector<ExecutionId> ids;
  const auto render = [&](const CreatedTask& created) {
    ids.push_back(*created.execution_id);
    return StoredReply{202, ""};
  };
  (void)engine.create_task(request(), task(), render);
  REQUIRE(transport.wait_started(1));
  (void)engine.create_task(request(), task(25s), render);
  REQUIRE(eventually([&] { return host.metrics().text().find(claimed_one) != std::string::npos; }));
  faulty.fail_heartbeats(true);
  REQUIRE(eventually([&] {
    clock.advance(50ms);
    return host.logged("sending is suspended");
  }));
  transport.finish(ids[0], 200);
  transport.answer_with(200);
  clock.advance(10s);
  std::this_thread::sleep_for(30ms);
  CHECK(transport.started().size() == 1);
  faulty.fail_heartbeats(false);
  REQUIRE(eventually([&] {
    clock.advance(50ms);
    return host.logged("storage answers again");
  }));
  clock.advance(60s);
  for (const auto& id : ids) {
    CHECK(
        eventually([&] { return engine.find_execution(principal, id).execution.status == ExecutionStatus::success; }));
  }
  CHECK(transport.started().size() == 2);
}
