// Connections that are ended from outside, and transactions that are in each other's way.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "punctual/channels.hpp"
#include "punctual/errors.hpp"
#include "punctual/execution_changes.hpp"
#include "punctual/task_groups.hpp"
#include "sql_errors.hpp"
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

TEST_CASE_METHOD(StorageFixture,
                 "groups and syncs are stored whole and once while connections are ended again and again") {
  std::atomic<bool> done{false};
  std::thread saboteur([&] {
    auto session = site.database().postgres()->connect();
    while (!done) {
      (void)session.value(
          "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = "
          "current_database() and pid <> pg_backend_pid()");
      std::this_thread::sleep_for(20ms);
    }
  });
  std::size_t groups = 0;
  int wrong = 0;
  const auto until = std::chrono::steady_clock::now() + 3s;
  for (; std::chrono::steady_clock::now() < until; ++groups) {
    std::vector<NewWork> items;
    for (int i = 0; i < 10; ++i) items.push_back(once(acme, at(1s), "q"));
    const auto record = key_used("group " + std::to_string(groups), 'a', at(0s));
    const auto outcome = insist([&] { return store().groups().insert(node, items, record); });
    wrong += outcome.result != WriteResult::applied && outcome.result != WriteResult::replayed;
    const auto name = std::to_string(groups);
    const auto synced = insist([&] {
      TaskWrite all = write({}, at(0s));
      all.idempotency = key_used("sync " + name, 'a', at(0s));
      return store().groups().sync(all, {{name}, false}, [&](const SyncBase& base) {
        SyncPlan plan;
        if (!base.named.empty()) ++wrong;
        plan.created.push_back(cron(acme, at(60s)));
        plan.created[0].task.spec.name = name;
        return plan;
      });
    });
    wrong += synced.result != WriteResult::applied && synced.result != WriteResult::replayed;
  }
  done = true;
  saboteur.join();
  CHECK(groups > 0);
  CHECK(wrong == 0);
  const auto count = [&](const std::string& type) {
    return site.database().postgres()->value("select count(*) from punctual.tasks where schedule_type = '" + type +
                                             "'");
  };
  CHECK(count("once") == std::to_string(10 * groups));
  CHECK(count("cron") == std::to_string(groups));
  CHECK(site.database().postgres()->value("select count(*) from punctual.executions") == std::to_string(10 * groups));
}

TEST_CASE_METHOD(StorageFixture, "syncs, claims and results of the same lines never wait for each other in a circle") {
  constexpr int syncs = 60;
  const std::vector<std::string> names{"0", "1", "2", "3", "4", "5"};
  for (const auto& name : names) {
    NewWork task = cron(acme, at(60s));
    task.task.spec.name = name;
    task.task.spec.queue = name;
    // A run that is to come, so that a sync moves something from line to line.
    const auto run = next_id<ExecutionId>();
    REQUIRE(tasks().add_run(write(insert(task), at(0s)), {run, run, 1, at(1h)}).result == WriteResult::applied);
  }
  std::vector<NewWork> batch;
  for (int i = 0; i < 60; ++i) batch.push_back(once(acme, at(1s), names[static_cast<std::size_t>(i) % names.size()]));
  (void)work().insert(node, batch);
  std::atomic<int> synced{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t round = thread; synced < syncs; ++round) {
        const auto outcome = store().groups().sync(write({}, at(2s)), {names, false}, [&](const SyncBase& base) {
          SyncPlan plan;
          for (std::size_t i = 0; i < base.named.size(); ++i) {
            TaskUpdate update{base.named[i], base.named[i].updated_at, PendingChange::keep, {}};
            update.task.spec.queue = names[(i * 5 + round) % names.size()];
            update.task.updated_at += 1us;
            plan.updated.push_back(std::move(update));
          }
          return plan;
        });
        wrong += outcome.result != WriteResult::applied;
        ++synced;
      }
    });
  }
  threads.emplace_back([&] {
    while (synced < syncs) {
      std::vector<Settlement> results;
      for (const Claimed& one : work().claim(claim_request(at(9s), 20)).claimed) {
        results.push_back(settlement(one, ExecutionStatus::failed, at(9s)));
        results.back().retry = Retry{next_id<ExecutionId>(), at(9s)};
      }
      for (const auto outcome : work().settle(results)) wrong += outcome != SettleOutcome::settled;
    }
  });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  close();
  CHECK(site.database().postgres()->value(
            "select deadlocks from pg_stat_database where datname = current_database()") == "0");
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
        const auto outcome = insist([&] { return tasks().update(write(task.id, at(2s)), update); });
        changed += outcome.result == WriteResult::applied;
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

TEST_CASE("a transaction that was ended because this machine stood still is one that may be tried again") {
  CHECK_THROWS_AS(postgres::throw_sql_error("25P03", "terminating connection due to idle-in-transaction timeout"),
                  Unavailable);
  CHECK_THROWS_AS(postgres::throw_sql_error("25P04", "terminating connection due to transaction timeout"), Unavailable);
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

namespace {

// What is stored of an organisation as running.
struct RunningNow : StorageFixture {
  [[nodiscard]] std::size_t running_of(OrganizationId organization) {
    ExecutionQuery query{organization, at(9s), 1000};
    query.status = ExecutionStatus::running;
    return tasks().list_executions(query).items.size();
  }

  // Stores work, claimed where that is allowed, and ends what is claimed, some of it by giving it back.
  void serve(WorkStore& store, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      std::vector<NewWork> batch;
      for (int i = 0; i < 6; ++i) {
        batch.push_back(once(acme, at(1s), i == 5 ? std::optional<std::string>("line") : std::nullopt));
        if (i != 5) batch.back().claim = next_token();
      }
      std::vector<ClaimRef> returned;
      std::vector<Settlement> results;
      const auto outcomes = store.insert(node, batch);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (outcomes[i].claimed) returned.push_back({batch[i].execution->id, *batch[i].claim});
      }
      for (const Claimed& one : store.claim(claim_request(at(9s), 8)).claimed) {
        results.push_back(settlement(one, ExecutionStatus::success, at(9s)));
      }
      store.release(returned);
      for (const auto outcome : store.settle(results)) wrong += outcome != SettleOutcome::settled;
    }
  }

  std::atomic<int> wrong{0};
};

}  // namespace

TEST_CASE_METHOD(RunningNow,
                 "a cap comes and goes beside claims and results: no circle, never exceeded, its count true") {
  constexpr std::size_t cap = 4;
  const auto operators = open_another();
  Directory& directory = operators->directory();
  std::atomic<int> serving{3};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      serve(work(), 60);
      --serving;
    });
  }
  int over = 0;
  int set = 0;
  while (serving > 0) {
    over += !directory.set_max_concurrent(acme, static_cast<int>(cap));
    // What ran before runs on, and nothing is added to it.
    std::size_t before = running_of(acme);
    for (int look = 0; look < 5; ++look) {
      const std::size_t now = running_of(acme);
      if (now > std::max(cap, before)) ++over;
      before = now;
    }
    ++set;
    if (serving > 0) over += !directory.set_max_concurrent(acme, std::nullopt);
  }
  for (auto& thread : threads) thread.join();
  CHECK(set > 3);
  CHECK(over == 0);
  CHECK(wrong == 0);
  REQUIRE(directory.set_max_concurrent(acme, static_cast<int>(cap)));
  for (int i = 0; i < 2; ++i) (void)work().claim(claim_request(at(9s), 3));
  auto& database = *site.database().postgres();
  const auto count = [&](const std::string& condition) {
    return database.value("select count(*) from punctual.executions where status = 'running'" + condition);
  };
  CHECK(database.value("select used from punctual.caps") == count(" and counted"));
  CHECK(count("") == count(" and counted"));
  close();  // a session reports what it has counted when it ends, at the latest
  CHECK(database.value("select deadlocks from pg_stat_database where datname = current_database()") == "0");
}

TEST_CASE_METHOD(StorageFixture,
                 "failing tasks, channels that come and go, and what is told to them never wait in a circle or fail") {
  constexpr int batches = 60;
  constexpr int channel_count = 4;
  Channels& channels = store().channels();
  const auto write_of = [&] { return ChannelWrite{acme, at(0s), std::nullopt, nullptr}; };
  const auto make = [&](int number) {
    Channel channel;
    channel.id = next_id<ChannelId>();
    channel.organization_id = acme;
    channel.name = std::to_string(number);
    channel.plugin = "notifier-test";
    (void)channels.create(write_of(), channel);
  };
  for (int i = 0; i < channel_count; ++i) make(i);
  std::vector<TaskId> recurring;
  for (int i = 0; i < 10; ++i) recurring.push_back(insert(cron(acme, at(900s))));
  std::atomic<int> settled{0};
  std::atomic<std::int64_t> minutes{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  const auto start = [&](auto work) {
    threads.emplace_back([&, work] {
      try {
        for (int turn = 0; settled < batches; ++turn) work(turn);
      } catch (const std::exception& problem) {
        ++wrong;
      }
    });
  };
  for (int thread = 0; thread < 2; ++thread) {
    start([&](int turn) {
      for (const TaskId task : recurring) {
        const auto run = next_id<ExecutionId>();
        (void)tasks().add_run(write(task, at(1s)), {run, run, 1, at(1s)});
      }
      std::vector<Settlement> results;
      for (const Claimed& one : work().claim(claim_request(at(1s), 20)).claimed) {
        const auto status = turn % 2 == 0 ? ExecutionStatus::failed : ExecutionStatus::success;
        results.push_back(settlement(one, status, at(seconds{2 + turn})));
      }
      for (const auto outcome : work().settle(results)) wrong += outcome != SettleOutcome::settled;
      ++settled;
    });
    start([&, thread](int turn) {
      const NodeId self = thread == 0 ? node : next_id<NodeId>();
      if (thread == 1) (void)store().leases().acquire({self, "another-host", 1, at(0s)});
      const Time now = at(std::chrono::minutes{++minutes});
      std::vector<NoticeResult> results;
      for (const ClaimedNotices& one : channels.claim({self, next_token(), now, 5, {"notifier-test"}, {}}).claimed) {
        for (const Notice& notice : one.notices) {
          results.push_back(
              {{notice.id, notice.token}, static_cast<NoticeResult::Kind>((turn + one.notices.size()) % 3), now, "x"});
        }
      }
      // Its lease ends while its own results are under way.
      std::thread ending([&] {
        if (thread == 1) store().leases().end(self);
      });
      channels.settle(results);
      ending.join();
    });
  }
  start([&](int turn) {
    const auto all = channels.list(acme);
    if (all.empty()) return make(turn);
    Channel channel = all[static_cast<std::size_t>(turn) % all.size()];
    const Time version = channel.updated_at;
    channel.updated_at += 1us;
    channel.name += "x";
    if (channel.name.size() > 20) channel.name = std::to_string(turn);
    (void)channels.update(write_of(), channel, version);
    if (turn % 3 == 0) {
      (void)channels.remove(write_of(), channel.id);
      make(turn);
    }
  });
  start([&](int) {
    for (const Channel& channel : channels.list(acme)) {
      (void)channels.revive(write_of(), channel.id, [](std::size_t) { return StoredReply{}; });
    }
    (void)channels.expire(at(1h), 5);
  });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  close();
  CHECK(site.database().postgres()->value(
            "select deadlocks from pg_stat_database where datname = current_database()") == "0");
}
