// The weekly parts of the tables, seen from inside the database.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "punctual/execution_changes.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr std::chrono::days day{1};

struct LeavesFixture : StorageFixture {
  [[nodiscard]] std::string value(const std::string& sql) const { return site.database().postgres()->value(sql); }
  [[nodiscard]] std::string leaves() const { return value("select count(*) from punctual.leaves"); }
  // Stored and delivered at the beginning of the tests' time.
  TaskId delivered() {
    NewWork work = once(acme, at(1s));
    work.claim = next_token();
    const TaskId id = insert(work);
    Claimed claimed;
    claimed.id = work.execution->id;
    claimed.task_id = id;
    claimed.token = *work.claim;
    REQUIRE(settle(settlement(claimed, ExecutionStatus::success, at(2s))) == SettleOutcome::settled);
    return id;
  }
  UpkeepReport keep_up(Time now) { return store().maintenance().upkeep({now, 30 * day}); }
};

}  // namespace

TEST_CASE_METHOD(LeavesFixture, "work claimed at insert lies in the week of its id, before and after it is settled") {
  (void)delivered();
  CHECK(value("select tier from punctual.tasks") == "w");
  CHECK(value("select tier from punctual.executions") == "w");
}

TEST_CASE_METHOD(LeavesFixture, "what waits lies in keep and goes to its week when it is settled") {
  insert(once(acme, at(5s)));
  CHECK(value("select tier from punctual.executions") == "k");
  REQUIRE(settle(settlement(claim_one(at(6s)), ExecutionStatus::success, at(7s))) == SettleOutcome::settled);
  CHECK(value("select tier from punctual.executions") == "w");
}

TEST_CASE_METHOD(LeavesFixture, "a retry waits in keep while the attempt before it has gone to its week") {
  insert(once(acme, at(5s)));
  Settlement item = settlement(claim_one(at(6s)), ExecutionStatus::failed, at(7s));
  item.retry = Retry{next_id<ExecutionId>(), at(30s)};
  REQUIRE(settle(item) == SettleOutcome::settled);
  CHECK(value("select string_agg(tier::text, '' order by attempt) from punctual.executions") == "wk");
}

TEST_CASE_METHOD(LeavesFixture, "leaves are made ahead and are never more than nine with a month of retention") {
  for (int days = 0; days <= 400; days += 1) (void)keep_up(at(days * day));
  CHECK(std::stoi(leaves()) <= 9);
  CHECK(value("select max(until) > '2026-03-01'::timestamptz + interval '407 days' from punctual.leaves") == "t");
}

TEST_CASE_METHOD(LeavesFixture, "a leaf goes when the organisation with the longest retention has done with it") {
  const auto keep_for = [&](seconds retention) {
    REQUIRE(store().directory().change_organization(other, [&](Organization& one) -> std::optional<AuditEntry> {
      one.limits.retention = retention;
      return std::nullopt;
    }));
  };
  const TaskId id = delivered();
  keep_for(3600s);
  (void)keep_up(at(25 * day));
  CHECK(tasks().find(acme, id));
  keep_for(100 * day);
  (void)keep_up(at(60 * day));
  CHECK(tasks().find(acme, id));
  CHECK(value("select tier from punctual.tasks") == "w");
  (void)keep_up(at(120 * day));
  CHECK_FALSE(tasks().find(acme, id));
}

TEST_CASE_METHOD(LeavesFixture,
                 "a forgotten transaction defers the drop of a leaf, and neither a new leaf nor traffic") {
  const TaskId old = delivered();
  auto reader = site.database().postgres()->connect();
  reader.execute("begin isolation level repeatable read");
  (void)reader.value("select count(*) from punctual.tasks, punctual.executions");
  std::atomic<bool> done{false};
  std::atomic<int> stored{0};
  std::thread traffic([&] {
    while (!done) {
      const NewWork one = once(acme, at(60 * day));
      if (work().insert(node, {&one, 1})[0].result == WriteResult::applied) ++stored;
    }
  });
  const auto report = keep_up(at(60 * day));
  done = true;
  traffic.join();
  CHECK(stored > 0);
  CHECK_FALSE(report.deferred.empty());
  CHECK_FALSE(report.done.empty());
  CHECK(tasks().find(acme, old));
  reader.execute("commit");
  CHECK(keep_up(at(60 * day)).deferred.empty());
  CHECK_FALSE(tasks().find(acme, old));
}

TEST_CASE_METHOD(LeavesFixture, "what a server left of a leaf that it had detached is dropped") {
  auto database = site.database().postgres()->connect();
  const auto first = database.value("select suffix from punctual.leaves order by lower limit 1");
  const auto tables_left = [&] {
    return database.value("select count(*) from pg_class where relname in ('tasks_" + first + "', 'executions_" +
                          first + "')");
  };
  const auto cut = [&](const std::string& table) {
    database.execute("alter table punctual." + table + "_weeks detach partition punctual." + table + "_" + first);
  };
  cut("tasks");
  (void)keep_up(at(0s));
  CHECK(tables_left() == "2");  // somebody else's doing: the leaf is still listed
  cut("executions");
  database.execute("delete from punctual.leaves where suffix = '" + first + "'");
  (void)keep_up(at(0s));
  CHECK(tables_left() == "0");
}

TEST_CASE_METHOD(LeavesFixture, "when a leaf cannot be dropped, what is too old in keep goes all the same") {
  insert(once(acme, at(20 * day)));
  const Claimed late = claim_one(at(20 * day));
  REQUIRE(settle(settlement(late, ExecutionStatus::success, at(20 * day))) == SettleOutcome::settled);
  CHECK(value("select tier from punctual.executions") == "k");
  const auto week = value("select suffix from punctual.leaves order by lower limit 1");
  // Whoever depends on the table makes it one that cannot be dropped, for a reason that is no lock.
  site.database().postgres()->execute("drop table punctual.tasks_" + week + " cascade");
  const auto report = keep_up(at(60 * day));
  REQUIRE(report.deferred.size() == 1);
  CHECK(report.deferred[0].find("the leaf " + week) != std::string::npos);
  CHECK_FALSE(tasks().find_execution(acme, late.id));
}

namespace {

// A task that was delivered at once; something happens to it eight days after its making.
struct LateFixture : LeavesFixture {
  [[nodiscard]] std::string tier() const { return value("select tier from punctual.tasks"); }
  [[nodiscard]] ExecutionId add_run(Time now) {
    const auto run = next_id<ExecutionId>();
    REQUIRE(tasks().add_run(write(id, now), {run, run, 1, now}).result == WriteResult::applied);
    return run;
  }
  void update(Time now) {
    TaskUpdate change = change_to(task(id));
    change.task.updated_at = now;
    REQUIRE(tasks().update(write(id, now), change).result == WriteResult::applied);
  }

  const Time soon = at(day);
  const Time late = at(8 * day);
  TaskId id = delivered();
};

}  // namespace

TEST_CASE_METHOD(LateFixture, "a task goes to keep when something happens to it a week after its making") {
  SECTION("it is changed") {
    update(soon);
    CHECK(tier() == "w");
    update(late);
  }
  SECTION("a run is added") {
    (void)add_run(soon);
    CHECK(tier() == "w");
    (void)add_run(late);
    CHECK(tier() == "w");  // it has been live all along
    REQUIRE(settle(settlement(claim_one(soon), ExecutionStatus::success, soon)) == SettleOutcome::settled);
    CHECK(tier() == "w");
    REQUIRE(settle(settlement(claim_one(late), ExecutionStatus::success, late)) == SettleOutcome::settled);
  }
  SECTION("a run is added when there is none") { (void)add_run(late); }
  SECTION("a run ends") {
    (void)add_run(soon);
    REQUIRE(settle(settlement(claim_one(soon), ExecutionStatus::success, late)) == SettleOutcome::settled);
  }
  SECTION("a run is cancelled") {
    const ExecutionId run = add_run(soon);
    const auto nothing = [](const Execution&) { return StoredReply{}; };
    REQUIRE(store().execution_changes().cancel(write(id, late), run, ForeignClaim::ask, nothing).result ==
            WriteResult::applied);
  }
  SECTION("a run is retried by its client") {
    (void)add_run(soon);
    const Claimed failed = claim_one(soon);
    REQUIRE(settle(settlement(failed, ExecutionStatus::failed, soon)) == SettleOutcome::settled);
    CHECK(tier() == "w");
    const auto run = next_id<ExecutionId>();
    REQUIRE(store().execution_changes().retry(write(id, late), failed.id, {run, run, 1, late}).result ==
            WriteResult::applied);
  }
  SECTION("it is deleted") { REQUIRE(tasks().remove(write(id, late)).result == WriteResult::applied); }
  CHECK(tier() == "k");
}

TEST_CASE_METHOD(LeavesFixture, "an execution that ends a week after its making goes to keep") {
  NewWork stored = once(acme, at(1s));
  stored.claim = next_token();
  insert(stored);
  CHECK(value("select tier from punctual.executions") == "w");
  Claimed claimed;
  claimed.id = stored.execution->id;
  claimed.task_id = stored.task.id;
  claimed.token = *stored.claim;
  REQUIRE(settle(settlement(claimed, ExecutionStatus::success, at(8 * day))) == SettleOutcome::settled);
  CHECK(value("select tier from punctual.executions") == "k");
}
