// Counters against the rows they count, after everything that changes them has been done at once. Catch's assertions are for
// one thread, so threads count and the case asserts at the end.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "punctual/execution_changes.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

// Servers on one database, as many as the backend allows, all at the work of an organisation with a cap.
struct Storm : StorageFixture {
  static constexpr int cap = 60;
  static constexpr std::size_t threads = 12;
  static constexpr std::size_t rounds = 25;  // of each thread

  struct Server {
    Storage* store = nullptr;
    NodeId node;
  };

  Storm() {
    REQUIRE(store().directory().set_max_concurrent(acme, cap));
    servers.push_back({&store(), node});
    while (site.allows_several_servers() && servers.size() < 4) {
      instances.push_back(open_another());
      servers.push_back({instances.back().get(), next_id<NodeId>()});
      (void)servers.back().store->leases().acquire({servers.back().node, "another-host", 1, at(0s)});
    }
    add_work(2500);
  }

  // More than a storm ends, a part of it in lines.
  void add_work(std::size_t count) {
    std::vector<NewWork> batch;
    for (std::size_t i = 0; i < count; ++i) {
      batch.push_back(once(i % 10 == 0 ? other : acme, at(1s),
                           i % 5 == 0 ? std::optional("q" + std::to_string(i % 40)) : std::nullopt));
    }
    (void)work().insert(node, batch);
  }

  static std::vector<Claimed> claim_some(const Server& server) {
    return server.store->work().claim({server.node, next_token(), at(1h), at(1h), 8, 8, {}}).claimed;
  }

  // Ends a claim, or not, in one of all ways.
  void end(const Server& server, const Claimed& one, unsigned way) {
    const ClaimRef claim{one.id, one.token};
    const auto settle = [&](ExecutionStatus status, bool retried) {
      Settlement item = settlement(one, status, at(1h));
      if (retried) item.retry = Retry{next_id<ExecutionId>(), at(2s)};
      (void)server.store->work().settle({&item, 1});
    };
    const TaskWrite sent{acme, one.task_id, server.node, at(1h), {&one.id, 1}, std::nullopt};
    const TaskWrite waits{acme, one.task_id, server.node, at(1h), {}, std::nullopt};
    const auto reply = [](const Execution&) { return StoredReply{}; };
    switch (way) {
      case 0:
        return settle(ExecutionStatus::success, false);
      case 1:
        return settle(ExecutionStatus::failed, true);
      case 2:
        return server.store->work().release({&claim, 1});
      case 3:
        (void)server.store->execution_changes().cancel(waits, one.id, ForeignClaim::mark, reply);
        return;
      case 4:  // cancelled while it was sent
        (void)server.store->execution_changes().cancel(sent, one.id, ForeignClaim::mark, reply);
        return settle(ExecutionStatus::success, false);
      case 5:
        (void)server.store->tasks().remove(waits);
        return;
      case 6:  // settled twice, of which one is stale
        settle(ExecutionStatus::timeout, true);
        return settle(ExecutionStatus::success, false);
      case 7:  // stale from the beginning
        server.store->work().release({&claim, 1});
        return settle(ExecutionStatus::success, false);
      default:  // some stay under way
        if (kept++ >= cap / 2) server.store->work().release({&claim, 1});
        return;
    }
  }

  void serve(std::size_t number) {
    std::minstd_rand random(static_cast<unsigned>(number + 1));
    const Server& server = servers[number % servers.size()];
    for (std::size_t round = 0; round < rounds; ++round) {
      for (const Claimed& one : claim_some(server)) {
        if (one.organization_id == acme) ++claims;
        end(server, one, one.organization_id == acme ? static_cast<unsigned>(random() % 9) : 0);
      }
    }
  }

  // Servers that claim and die, while others see who is dead: of the live ones every heartbeat comes in time.
  void die_and_rescue() {
    const auto looks_on = open_another();
    const auto self = next_id<NodeId>();
    (void)looks_on->leases().acquire({self, "looks-on", 2, at(0s)});
    seconds seen{100};
    for (int death = 0; death < 8; ++death) {
      const Server dead{instances.at(0).get(), next_id<NodeId>()};
      (void)dead.store->leases().acquire({dead.node, "dies", 3, at(0s)});
      (void)claim_some(dead);
      for (int look = 0; look < 2; ++look, seen += 11s) {
        for (const Server& server : servers) {
          if (!server.store->leases().heartbeat(server.node, at(seen))) ++wrong;
        }
        rescued += looks_on->leases().rescue(self, MonotonicTime{seen}, 10s).executions;
      }
    }
    looks_on->leases().end(self);
  }

  void rage(const std::function<void()>& beside) {
    std::vector<std::thread> all;
    const auto run = [&](auto work) {
      all.emplace_back([this, work] {
        try {
          work();
        } catch (const std::exception&) {
          ++wrong;
        }
      });
    };
    for (std::size_t number = 0; number < threads; ++number) run([this, number] { serve(number); });
    if (site.allows_several_servers()) run([this] { die_and_rescue(); });
    run(beside);
    for (auto& thread : all) thread.join();
  }

  // What is stored as running of the organisation with the cap.
  [[nodiscard]] std::size_t running() {
    ExecutionQuery query{acme, at(1h), 10'000};
    query.status = ExecutionStatus::running;
    return tasks().list_executions(query).items.size();
  }
  // How many of it a claim of all that is due brings.
  [[nodiscard]] std::size_t room() {
    const auto claimed = claim(at(1h), 10'000);
    return static_cast<std::size_t>(
        std::count_if(claimed.begin(), claimed.end(), [&](const Claimed& one) { return one.organization_id == acme; }));
  }

  std::vector<PluginLibrary::Instance> instances;
  std::vector<Server> servers;
  std::atomic<int> kept{0};
  std::atomic<std::size_t> claims{0};
  std::atomic<std::size_t> rescued{0};
  std::atomic<int> wrong{0};
};

}  // namespace

TEST_CASE_METHOD(Storm,
                 "the count of a cap is that of the running rows, whatever ended them and however many at once") {
  rage([this] {
    for (int change = 0; change < 20; ++change) {
      if (!store().directory().set_max_concurrent(acme, cap - 20 + change)) ++wrong;
    }
    if (!store().directory().set_max_concurrent(acme, cap)) ++wrong;
  });
  CHECK(wrong == 0);
  CHECK(claims > cap);
  if (site.allows_several_servers()) CHECK(rescued > 0);
  add_work(1000);
  const std::size_t left = running();
  CHECK(left <= cap);
  CHECK(room() == cap - left);
  CHECK(running() == cap);
  CHECK(room() == 0);
  // All servers die, and what they held is returned.
  instances.clear();
  succeed();
  CHECK(running() == 0);
  CHECK(room() == cap);
}

TEST_CASE_METHOD(Storm, "a cap that is lifted and set under load counts what it let in", "[several-servers]") {
  rage([this] {
    for (int change = 0; change < 15; ++change) {
      const bool set = store().directory().set_max_concurrent(acme, std::nullopt) &&
                       store().directory().set_max_concurrent(acme, cap);
      if (!set) ++wrong;
    }
  });
  CHECK(wrong == 0);
  auto session = site.database().postgres()->connect();
  session.execute("set search_path = punctual");
  CHECK(session.value("select used from caps") ==
        session.value("select count(*) from executions where status = 'running' and counted"));
  instances.clear();
  succeed();
  CHECK(session.value("select used from caps") == "0");
  add_work(1000);
  CHECK(room() == cap);
}
