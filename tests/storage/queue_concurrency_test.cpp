// Many claimers, on all servers that the backend allows, at queues that are wide, paused and slow. Catch's assertions are for
// one thread, so threads count and the case asserts at the end.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "punctual/queues.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct QueueServers : StorageFixture {
  static constexpr std::size_t claimers = 12;

  struct Server {
    Storage* store = nullptr;
    NodeId node;
  };

  QueueServers() {
    servers.push_back({&store(), node});
    while (site.allows_several_servers() && servers.size() < 4) {
      others.push_back(open_another());
      servers.push_back({others.back().get(), next_id<NodeId>()});
      (void)others.back()->leases().acquire({servers.back().node, "another-host", 1, at(0s)});
    }
  }

  void set(const QueueChange& change) {
    const auto reply = [](const Queue&, const Queue&) { return StoredReply{}; };
    REQUIRE(store().queues().change(write({}, at(0s)), "q", change, reply).result == WriteResult::applied);
  }

  void fill(std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) {
      line.push_back(once(acme, at(1s), "q"));
      place[line.back().execution->id] = i;
    }
    (void)work().insert(node, line);
    left = length;
  }

  // Runs `serve(server)` in as many threads as there are claimers, on one server after the other, and `beside` in one more.
  template <class Serve, class Beside>
  void run(const Serve& serve, const Beside& beside) {
    const auto guarded = [this](const auto& call) {
      try {
        call();
      } catch (const std::exception& problem) {
        ++failures;
        const std::lock_guard lock(mutex);
        failure = problem.what();
      }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < claimers; ++i) {
      threads.emplace_back([&, i] { guarded([&] { serve(servers[i % servers.size()]); }); });
    }
    threads.emplace_back([&] { guarded(beside); });
    for (auto& thread : threads) thread.join();
    INFO(failure);
    CHECK(failures == 0);
  }
  [[nodiscard]] bool goes_on() const { return left > 0 && failures == 0; }

  [[nodiscard]] static ClaimRequest request_of(const Server& server, Time now) {
    return {server.node, next_token(), now, now, 3, 3, {}};
  }

  std::vector<PluginLibrary::Instance> others;
  std::vector<Server> servers;
  std::vector<NewWork> line;
  std::map<ExecutionId, std::size_t> place;
  std::atomic<std::size_t> left{0};
  std::atomic<int> failures{0};
  std::mutex mutex;
  std::string failure;  // guarded by mutex
};

}  // namespace

TEST_CASE_METHOD(QueueServers,
                 "no more of a queue run at once than its concurrency, started in order, on all servers") {
  constexpr int concurrency = 3;
  constexpr std::size_t length = 300;
  set({concurrency, false, {}});
  fill(length);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> overtaken{0};
  std::atomic<int> wrong{0};
  run(
      [&](const Server& server) {
        while (goes_on()) {
          const auto all = server.store->work().claim(request_of(server, at(1h))).claimed;
          const int now = running += static_cast<int>(all.size());
          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          for (const Claimed& claimed : all) {
            // Whatever is before it in the line has been given out before it or with it.
            if (claimed.attempt == 1) {
              const std::size_t at_place = place.at(claimed.id);
              for (std::size_t before = at_place - std::min<std::size_t>(at_place, 4); before < at_place; ++before) {
                const auto found = server.store->tasks().find_execution(acme, line[before].execution->id);
                overtaken += found->execution.status == ExecutionStatus::pending;
              }
            }
            const bool fails = claimed.attempt == 1 && claimed.run_id.value.bytes[15] % 5 == 0;
            Settlement item = settlement(claimed, fails ? ExecutionStatus::failed : ExecutionStatus::success, at(1h));
            if (fails) item.retry = Retry{next_id<ExecutionId>(), at(1h)};
            --running;
            wrong += server.store->work().settle({&item, 1})[0] != SettleOutcome::settled;
            if (!fails) --left;
          }
        }
      },
      [] {});
  CHECK(most == concurrency);
  CHECK(overtaken == 0);
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(QueueServers, "nothing is claimed of a queue from the end of a pause to its resume, on all servers") {
  constexpr std::size_t length = 400;
  constexpr int pauses = 25;
  set({3, false, {}});
  fill(length);
  // Odd while the queue is paused.
  std::atomic<int> phase{0};
  std::atomic<int> claimed_in_pause{0};
  std::atomic<int> sent_after_pause{0};
  std::atomic<int> lost{0};
  std::set<ExecutionId> sending;  // guarded by mutex: of the first server, whose pauses they are
  std::set<ClaimRef> revoked;     // guarded by mutex
  int paused = 0;
  run(
      [&](const Server& server) {
        const bool pausing = server.node == node;
        while (goes_on()) {
          const int before = phase;
          const auto all = server.store->work().claim(request_of(server, at(1h))).claimed;
          if (!all.empty() && before % 2 == 1 && phase == before) ++claimed_in_pause;
          for (const Claimed& claimed : all) {
            const ClaimRef ref{claimed.id, claimed.token};
            if (pausing) {
              const std::lock_guard lock(mutex);
              if (revoked.contains(ref)) continue;
              sending.insert(claimed.id);
            } else {
              const StartedClaim started{ref, at(1h)};
              server.store->work().mark_started({&started, 1});
            }
            std::this_thread::sleep_for(1ms);
            const Settlement item = settlement(claimed, ExecutionStatus::success, at(1h));
            lost += server.store->work().settle({&item, 1})[0] != SettleOutcome::settled;
            if (pausing) {
              const std::lock_guard lock(mutex);
              sending.erase(claimed.id);
            }
            --left;
          }
        }
      },
      [&] {
        while (goes_on() && paused < pauses) {
          for (;;) {
            // Held as the engine does: nothing of the first server begins to be sent meanwhile.
            const std::lock_guard lock(mutex);
            const std::vector<ExecutionId> under_way(sending.begin(), sending.end());
            const auto outcome = store().queues().pause(write({}, at(1h), under_way), "q");
            revoked.insert(outcome.write.revoked.begin(), outcome.write.revoked.end());
            if (outcome.write.result == WriteResult::applied) break;
          }
          ++paused;
          ++phase;
          const auto queue = store().queues().find(acme, "q");
          std::this_thread::sleep_for(5ms);
          // What runs is what was being sent.
          sent_after_pause += store().queues().find(acme, "q")->running > queue->running;
          ++phase;
          (void)store().queues().resume(write({}, at(1h)), "q");
          std::this_thread::sleep_for(3ms);
        }
      });
  CHECK(paused > 5);
  CHECK(claimed_in_pause == 0);
  CHECK(sent_after_pause == 0);
  CHECK(lost == 0);
}

TEST_CASE_METHOD(QueueServers, "a rate is never exceeded by claimers on all servers") {
  const QueueRate rate{200, seconds{1}};
  constexpr std::size_t length = 700;
  set({100, true, rate});
  fill(length);
  std::atomic<std::int64_t> clock{0};  // in milliseconds
  std::vector<Time> starts;            // guarded by mutex
  run(
      [&](const Server& server) {
        while (goes_on()) {
          const Time now = at(1s + milliseconds{clock.load()});
          std::vector<Settlement> items;
          for (const Claimed& claimed : server.store->work().claim(request_of(server, now)).claimed) {
            items.push_back(settlement(claimed, ExecutionStatus::success, now));
          }
          {
            const std::lock_guard lock(mutex);
            starts.insert(starts.end(), items.size(), now);
          }
          (void)server.store->work().settle(items);
          left -= items.size();
        }
      },
      [&] {
        while (goes_on()) {
          std::this_thread::sleep_for(500us);
          ++clock;
        }
      });
  CHECK(starts.size() == length);
  std::sort(starts.begin(), starts.end());
  std::size_t too_many = 0;
  const auto count = static_cast<std::size_t>(rate.count);
  for (std::size_t i = 0; i + count < starts.size(); ++i) too_many += starts[i + count] - starts[i] < rate.period;
  CHECK(too_many == 0);
}

TEST_CASE_METHOD(QueueServers,
                 "a queue that is changed, paused and deleted under load loses nothing and stands still never") {
  constexpr std::size_t length = 300;
  set({2, false, {}});
  fill(length);
  std::atomic<std::size_t> done{0};
  std::atomic<std::size_t> deleted{0};
  std::atomic<int> wrong{0};
  run(
      [&](const Server& server) {
        while (done + deleted < length && failures == 0) {
          for (const Claimed& claimed : server.store->work().claim(request_of(server, at(1h))).claimed) {
            const StartedClaim started{{claimed.id, claimed.token}, at(1h)};
            server.store->work().mark_started({&started, 1});
            const Settlement item = settlement(claimed, ExecutionStatus::success, at(1h));
            // A claim of the first server may be void before it is begun.
            if (server.store->work().settle({&item, 1})[0] == SettleOutcome::settled) {
              ++done;
            } else {
              wrong += server.node != node;
            }
          }
        }
      },
      [&] {
        for (int i = 0; done + deleted < length && failures == 0; ++i) {
          (void)store().queues().change(write({}, at(1h)), "q", {1 + i % 4, true, QueueRate{1000, seconds{1}}},
                                        [](const Queue&, const Queue&) { return StoredReply{}; });
          (void)store().queues().pause(write({}, at(1h)), "q");
          (void)store().queues().list(acme);
          (void)store().queues().forget(write({}, at(1h)), "q");
          if (done > length / 2) {
            (void)tasks().remove_queue(write({}, at(1h)), "q", [&](std::size_t count) {
              deleted = count;
              return StoredReply{};
            });
            if (deleted > 0) break;
          }
        }
        (void)store().queues().forget(write({}, at(1h)), "q");
      });
  CHECK(done + deleted == length);
  CHECK(wrong == 0);
  CHECK(store().queues().list(acme).empty());
}
