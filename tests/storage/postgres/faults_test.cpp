// Connections that are ended from outside, and transactions that are in each other's way.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "punctual/errors.hpp"
#include "punctual/execution_changes.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

// Calls `call` until storage answers, as whoever may repeat it does.
template <class Call>
auto insist(Call call) {
  for (;;) {
    try {
      return call();
    } catch (const Unavailable&) {
    } catch (const Timeout&) {
    }
  }
}

}  // namespace

TEST_CASE_METHOD(StorageFixture,
                 "work goes on while connections are ended again and again, and nothing is lost or twice") {
  std::atomic<bool> done{false};
  std::atomic<int> ended{0};
  std::thread saboteur([&] {
    auto session = site.database().postgres()->connect();
    while (!done) {
      ended +=
          std::stoi(session.value("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = "
                                  "current_database() and pid <> pg_backend_pid()"));
      std::this_thread::sleep_for(100ms);
    }
  });
  std::size_t stored = 0;
  std::map<ExecutionId, int> delivered;
  const auto until = std::chrono::steady_clock::now() + 4s;
  while (std::chrono::steady_clock::now() < until) {
    const std::vector<NewWork> batch{once(acme, at(1s)), once(acme, at(1s)), once(acme, at(1s), "q")};
    (void)insist([&] { return work().insert(node, batch); });
    stored += batch.size();
    for (std::size_t left = batch.size(); left > 0;) {
      std::vector<Claimed> claimed;
      try {
        claimed = claim(at(2s));
      } catch (const Timeout&) {
        // Perhaps claimed, and nobody knows what.
        const auto unknown = insist([&] { return store().leases().held(node); });
        insist([&] { work().release(unknown); });
      } catch (const Unavailable&) {
      }
      for (const Claimed& one : claimed) {
        ++delivered[one.id];
        const Settlement item = settlement(one, ExecutionStatus::success, at(3s));
        (void)insist([&] { return work().settle({&item, 1}); });
        --left;
      }
    }
  }
  done = true;
  saboteur.join();
  CHECK(ended > 0);
  CHECK(delivered.size() == stored);
  CHECK(std::all_of(delivered.begin(), delivered.end(), [](const auto& one) { return one.second == 1; }));
  CHECK(site.database().postgres()->value("select count(*) from punctual.executions where status = 'success'") ==
        std::to_string(stored));
}

TEST_CASE_METHOD(StorageFixture, "claims and changes of the same lines never wait for each other in a circle") {
  constexpr int lines = 3;
  constexpr int tasks_a_line = 8;
  constexpr int changes = 600;
  std::vector<NewWork> batch;
  for (int i = 0; i < lines * tasks_a_line; ++i) batch.push_back(once(acme, at(1s), std::to_string(i % lines)));
  (void)work().insert(node, batch);
  std::atomic<int> changed{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = thread; changed < changes; ++i) {
        const auto found = tasks().find(acme, batch[static_cast<std::size_t>(i) % batch.size()].task.id);
        Task task = *found;
        task.spec.queue = std::to_string(i % lines);
        task.updated_at += microseconds{1};
        const TaskUpdate update{task, found->updated_at, PendingChange::keep, {}};
        changed += tasks().update(write(task.id, at(2s)), update).result == WriteResult::applied;
      }
    });
  }
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      while (changed < changes) {
        std::vector<ClaimRef> claims;
        for (const Claimed& one : work().claim(claim_request(at(9s), 5)).claimed) claims.push_back({one.id, one.token});
        work().release(claims);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  close();  // a session reports what it has counted when it ends, at the latest
  CHECK(site.database().postgres()->value(
            "select deadlocks from pg_stat_database where datname = current_database()") == "0");
}

TEST_CASE_METHOD(StorageFixture,
                 "cancellations, retries and results of the same lines never wait for each other in a circle") {
  constexpr int lines = 3;
  constexpr int enough = 300;
  std::vector<NewWork> batch;
  for (int i = 0; i < 60; ++i) batch.push_back(once(acme, at(1s), std::to_string(i % lines)));
  (void)work().insert(node, batch);
  ExecutionChanges& changes = store().execution_changes();
  std::atomic<int> retried{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&] {
      // What is listed as running may be sent, or may have ended meanwhile.
      while (retried < enough) {
        ExecutionQuery query{acme, at(9s), 3};
        query.status = retried % 2 == 0 ? ExecutionStatus::pending : ExecutionStatus::running;
        for (const Execution& one : tasks().list_executions(query).items) {
          (void)changes.cancel(write({}, at(9s), {&one.id, 1}), one.id, ForeignClaim::ask,
                               [](const Execution&) { return StoredReply{}; });
        }
      }
    });
    threads.emplace_back([&] {
      const RetryFilter filter{{ExecutionStatus::failed, ExecutionStatus::cancelled}, {}, {}, {}, {}};
      while (retried < enough) {
        std::vector<ExecutionId> ids;
        for (int i = 0; i < 10; ++i) ids.push_back(next_id<ExecutionId>());
        (void)changes.retry_many(write({}, at(9s)), filter, ids, at(9s), [&](std::size_t count) {
          retried += static_cast<int>(count);
          return StoredReply{};
        });
      }
    });
    threads.emplace_back([&] {
      while (retried < enough) {
        std::vector<Settlement> results;
        for (const Claimed& one : work().claim(claim_request(at(9s), 5)).claimed) {
          results.push_back(settlement(one, ExecutionStatus::failed, at(9s)));
          results.back().retry = Retry{next_id<ExecutionId>(), at(9s)};
        }
        (void)work().settle(results);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  close();  // a session reports what it has counted when it ends, at the latest
  CHECK(site.database().postgres()->value(
            "select deadlocks from pg_stat_database where datname = current_database()") == "0");
}
