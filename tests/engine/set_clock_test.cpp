// Clocks that are set while a server runs: the machine's, and the database's.
#include <atomic>
#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"
#include "engine/faulty_server.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct SetClockFixture : EngineFixture {
  [[nodiscard]] static EngineSettings comparing() {
    EngineSettings settings;
    settings.max_clock_offset = 24h;
    return settings;
  }

  [[nodiscard]] Time database_time() const { return start + clock.monotonic().time_since_epoch() + ahead.load(); }

  // A second in which the server renews its lease and looks for dead servers.
  void pass_a_second(FaultyServer& server) {
    const int heartbeats = server.faulty.heartbeats();
    const int looks = server.faulty.looks();
    clock.advance(1s);
    REQUIRE(eventually([&] { return server.faulty.heartbeats() > heartbeats && server.faulty.looks() > looks; }, 30s));
  }

  const Time start = clock.now();
  std::atomic<microseconds> ahead{microseconds{0}};
};

}  // namespace

TEST_CASE_METHOD(SetClockFixture, "a database whose clock is set forward makes no living server look dead",
                 "[several-servers]") {
  const auto other = store.open();
  NodeInfo node;
  node.id.value.bytes[0] = 90;
  node.at = clock.now();
  (void)other->leases().acquire(node);
  FaultyServer server(*this, comparing(), [this] { return database_time(); });
  const auto both_live_for = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      REQUIRE(other->leases().heartbeat(node.id, clock.now()));
      pass_a_second(server);
    }
  };
  both_live_for(15);
  ahead = 60s;
  both_live_for(15);
  CHECK(other->leases().heartbeat(node.id, clock.now()));
  ExecutionId id;
  (void)server.engine.create_task(request(), task(), [&](const CreatedTask& created) {
    id = *created.execution_id;
    return StoredReply{202, ""};
  });
  CHECK(server.engine.find_execution(principal, id).execution.scheduled_for >= start + 60s);
}

TEST_CASE_METHOD(SetClockFixture, "a server goes on to renew its lease when this machine's clock is set back") {
  FaultyServer server(*this);
  for (const microseconds by : {50s, 3600s}) {
    clock.set(-by);
    for (int i = 0; i < 5; ++i) pass_a_second(server);
  }
  CHECK_FALSE(host.logged("sending is suspended"));
}

TEST_CASE_METHOD(SetClockFixture,
                 "this machine's clock may be set forward or back: what is due is due by the database's") {
  FaultyServer server(*this, comparing(), [this] { return database_time(); });
  (void)server.engine.create_task(request(), task(60s), [](const CreatedTask&) { return StoredReply{202, ""}; });
  clock.set(GENERATE(-1h, 1h));
  for (int i = 0; i < 20; ++i) pass_a_second(server);
  CHECK(server.transport.started().empty());
  CHECK(eventually([&] {
    clock.advance(1s);
    return server.transport.started().size() == 1;
  }));
  CHECK(database_time() >= start + 60s);
}
