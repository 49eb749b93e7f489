// The order in which rows are locked (docs/decisions/0007-order-of-locks.md), and what a change sees that had to wait.
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "punctual/errors.hpp"
#include "support/eventually.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct LockFixture : StorageFixture {
  // Until a statement of the store waits for a lock of somebody.
  [[nodiscard]] bool somebody_waits() {
    return eventually([&] {
      return observer.value(
                 "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = "
                 "'Lock'") != "0";
    });
  }
  // Of `table`, how many rows nobody has locked.
  [[nodiscard]] std::string free_rows(const std::string& table, const std::string& condition = "true") {
    return observer.value("select count(*) from (select from punctual." + table + " where " + condition +
                          " for update skip locked) free");
  }
  [[nodiscard]] std::string deadlocks() {
    close();  // a session reports what it has counted when it ends, at the latest
    return site.database().postgres()->value(
        "select deadlocks from pg_stat_database where datname = current_database()");
  }

  NewWork cron_in(const std::string& queue, Time next_run_at) {
    NewWork stored = cron(acme, next_run_at);
    stored.task.spec.queue = queue;
    insert(stored);
    return stored;
  }
  ExecutionId add_run(TaskId task, Time due) {
    const auto run = next_id<ExecutionId>();
    REQUIRE(tasks().add_run(write(task, due), {run, run, 1, due}).result == WriteResult::applied);
    return run;
  }
  static ScheduleStep step_of(const DueSchedule& due, Time next) {
    const auto id = next_id<ExecutionId>();
    return {due.task_id, due.organization_id, due.next_run_at, due.version, {{id, id, 1, due.next_run_at}}, false,
            next,        std::nullopt};
  }

  PostgresSession observer = site.database().postgres()->connect();
  PostgresSession holder = site.database().postgres()->connect();
};

}  // namespace

TEST_CASE_METHOD(LockFixture, "steps of schedules have all their tasks before they wait for a line") {
  for (int i = 0; i < 3; ++i) (void)cron_in("q", at(10s));
  std::vector<ScheduleStep> steps;
  for (const DueSchedule& due : store().schedules().due(at(10s), 10).schedules) steps.push_back(step_of(due, at(70s)));
  holder.execute("begin; insert into punctual.queues (organization_id, name) values ('" + acme.text() + "', 'q')");
  auto advancing = std::async(std::launch::async, [&] { return store().schedules().advance(steps); });
  CHECK(somebody_waits());
  CHECK(free_rows("tasks") == "0");
  holder.execute("commit");
  CHECK(advancing.get() == std::vector<std::size_t>{1, 1, 1});
  CHECK(claim_one(at(11s)).queue == "q");
}

TEST_CASE_METHOD(LockFixture, "steps of schedules, results and edits of the same lines never wait in a circle") {
  constexpr int lines = 3;
  constexpr int enough = 600;
  for (int i = 0; i < 12; ++i) (void)cron_in(std::to_string(i % lines), at(seconds{i % 2}));
  std::atomic<int> advanced{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  std::vector<PluginLibrary::Instance> others;
  const auto start = [&](auto turn) {
    Storage& server = threads.size() % 2 == 0 ? store() : *others.emplace_back(open_another());
    threads.emplace_back([&, turn] {
      try {
        while (advanced < enough && failed == 0) turn(server);
      } catch (const std::exception&) {
        ++failed;
      }
    });
  };
  others.reserve(8);
  for (int i = 0; i < 2; ++i) {
    start([&](Storage& server) {
      std::vector<ScheduleStep> steps;
      for (const DueSchedule& due : server.schedules().due(Time::max(), 12).schedules) {
        steps.push_back(step_of(due, due.next_run_at + 1s));
      }
      for (const std::size_t number : server.schedules().advance(steps)) advanced += static_cast<int>(number);
    });
    start([&](Storage& server) {
      std::vector<StartedClaim> begun;
      std::vector<Settlement> results;
      for (const Claimed& one : server.work().claim(claim_request(at(1h), 3)).claimed) {
        begun.push_back({{one.id, one.token}, at(1h)});
        results.push_back(settlement(one, ExecutionStatus::success, at(1h)));
      }
      server.work().mark_started(begun);
      (void)server.work().settle(results);
    });
  }
  start([&](Storage& server) {
    std::vector<ClaimRef> claims;
    for (const Claimed& one : server.work().claim(claim_request(at(1h), 2)).claimed)
      claims.push_back({one.id, one.token});
    server.work().release(claims);
  });
  start([&](Storage& server) {
    for (const DueSchedule& due : server.schedules().due(Time::max(), 12).schedules) {
      const auto found = server.tasks().find(acme, due.task_id);
      Task changed = *found;
      changed.updated_at += 1us;
      TaskWrite elsewhere = write(due.task_id, at(1h));
      elsewhere.node = next_id<NodeId>();  // what has begun is left alone
      (void)server.tasks().update(elsewhere, {changed, found->updated_at, PendingChange::keep, {}});
    }
  });
  for (auto& thread : threads) thread.join();
  others.clear();
  CHECK(failed == 0);
  CHECK(deadlocks() == "0");
}

TEST_CASE_METHOD(LockFixture, "what waits of a task that is disabled is not locked before its line is") {
  const TaskId task = cron_in("q", at(900s)).task.id;
  (void)add_run(task, at(1s));
  const ExecutionId waiting = add_run(task, at(1s));
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s));
  item.disable = AuditEntry{acme, at(3s), "system", "task.disabled", task.text(), "410"};
  holder.execute("begin; select from punctual.queues for update");
  auto settling = std::async(std::launch::async, [&] { return settle(item); });
  CHECK(somebody_waits());
  CHECK(free_rows("executions", "status = 'pending'") == "1");
  holder.execute("commit");
  CHECK(settling.get() == SettleOutcome::settled);
  CHECK(status(waiting) == ExecutionStatus::cancelled);
  CHECK(claim(at(4s)).empty());
}

namespace {

// A one-time task whose first run is being sent, while somebody else changes its other runs in a transaction.
struct ChangedMeanwhile : LockFixture {
  // Settles the first run while `holder` has made `change`, and commits that when the result waits for it.
  void settle_beside(const std::string& change) {
    const Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s));
    holder.execute("begin; set search_path = punctual; select from tasks where id = '" + stored.task.id.text() +
                   "' for no key update; " + change);
    auto settling = std::async(std::launch::async, [&] { return settle(item); });
    CHECK(somebody_waits());
    holder.execute("commit");
    CHECK(settling.get() == SettleOutcome::settled);
  }

  NewWork stored = once(acme, at(1s));
  TaskId id = insert(stored);
};

}  // namespace

TEST_CASE_METHOD(ChangedMeanwhile, "a run that was added while a result waited for its task is its next one") {
  const std::string of_task = " where task_id = '" + id.text() + "'";
  settle_beside(
      "insert into executions (id, task_id, organization_id, run_id, scheduled_for, attempt, status, tier, holds, "
      "by_schedule) select gen_random_uuid(), task_id, organization_id, run_id, '2026-04-01Z', 1, 'pending', 'k', "
      "false, "
      "false from executions" +
      of_task + "; update tasks set next_run_at = '2026-04-01Z' where id = '" + id.text() + "'");
  CHECK(observer.value("select next_run_at = '2026-04-01Z' from punctual.tasks") == "t");
}

TEST_CASE_METHOD(ChangedMeanwhile, "a run that was cancelled while a result waited for its task is not its next one") {
  const ExecutionId waiting = add_run(id, at(1h));
  settle_beside("update executions set status = 'cancelled', finished_at = now() where id = '" + waiting.text() +
                "'; update tasks set next_run_at = null where id = '" + id.text() + "'");
  CHECK_FALSE(task(id).next_run_at);
}

TEST_CASE_METHOD(LockFixture,
                 "what needs a row that a server at a standstill holds fails alone, and is stored when it lets go") {
  insert(once(acme, at(1s), "held"));
  holder.execute("begin; select from punctual.queues for update");
  const std::vector<NewWork> batch{once(acme, at(1s), "held"), once(acme, at(1s)), once(acme, at(1s), "held"),
                                   once(other, at(1s), "free")};
  const auto results = [&] {
    std::vector<WriteResult> out;
    for (const InsertOutcome& one : work().insert(node, batch)) out.push_back(one.result);
    return out;
  };
  const auto applied = WriteResult::applied;
  const auto held = WriteResult::held_elsewhere;
  CHECK(results() == std::vector{held, applied, held, applied});
  CHECK(work().insert(node, {batch.data(), 1}).front().result == held);
  CHECK_FALSE(tasks().find(acme, batch[0].task.id));
  holder.execute("commit");
  CHECK(results() == std::vector{applied, applied, applied, applied});
  CHECK(observer.value("select count(*) from punctual.executions") == "5");
}

TEST_CASE_METHOD(LockFixture, "a line in which other servers store without a pause is claimed all the same") {
  constexpr std::size_t starts = 20;
  constexpr int attempts = 100;
  std::vector<NewWork> batch;
  for (std::size_t i = 0; i < starts; ++i) batch.push_back(once(acme, at(1s), "q"));
  (void)work().insert(node, batch);
  std::atomic<bool> done{false};
  std::vector<PluginLibrary::Instance> others;
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, &writer = others.emplace_back(open_another())->work()] {
      while (!done) {
        std::vector<NewWork> more;
        more.reserve(10);
        for (int n = 0; n < 10; ++n) more.push_back(once(acme, at(1h), "q"));
        (void)writer.insert(node, more);
      }
    });
  }
  std::size_t started = 0;
  int tried = 0;
  for (; started < starts && tried < attempts; ++tried) {
    for (const Claimed& claimed : claim(at(2s))) {
      started += settle(settlement(claimed, ExecutionStatus::success, at(3s))) == SettleOutcome::settled ? 1 : 0;
    }
  }
  done = true;
  for (auto& thread : threads) thread.join();
  CHECK(started == starts);
}
