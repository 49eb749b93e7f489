#include <catch2/catch.hpp>
#include <thread>

#include "punctual/errors.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("a fresh database is migrated from nothing, once") {
  StorageSite site;
  auto store = site.open();
  const Migration first = store->maintenance().migrate();
  CHECK(first.from == 0);
  CHECK(first.to > 0);
  const Migration second = store->maintenance().migrate();
  CHECK(second.from == first.to);
  CHECK(second.to == first.to);
}

TEST_CASE_METHOD(StorageFixture, "migrating again keeps what is stored") {
  const TaskId id = insert(once(acme, at(1s)));
  reopen();
  store().maintenance().migrate();
  CHECK(task(id).id == id);
}

TEST_CASE("two instances may migrate at the same time") {
  StorageSite site;
  const auto first = site.open();
  const auto second = site.open();
  std::thread beside([&] { second->maintenance().migrate(); });
  first->maintenance().migrate();
  beside.join();
  CHECK(first->maintenance().migrate().from > 0);
}

TEST_CASE_METHOD(StorageFixture, "a newer schema is refused") {
  close();
  site.pretend_newer_schema();
  const auto store = open_another();
  CHECK_THROWS_AS(store->maintenance().migrate(), Conflict);
}

TEST_CASE_METHOD(StorageFixture, "a store in use is reachable") { CHECK(store().maintenance().reachable()); }

// ---- Upkeep.

namespace {

constexpr auto day = 24h;

struct UpkeepFixture : StorageFixture {
  // Stores a task that runs at `when` and ends then; its execution.
  Claimed finished(Time when, NewWork stored) {
    insert(stored);
    const Claimed claimed = claim_one(when);
    REQUIRE(settle(settlement(claimed, ExecutionStatus::success, when + 1s)) == SettleOutcome::settled);
    return claimed;
  }
  Claimed finished(Time when) { return finished(when, once(acme, when)); }

  // As a server does it for some minutes: one call may leave something for the next.
  void keep_up(Time now, milliseconds retention = 30 * day) {
    for (int calls = 0; calls < 50; ++calls) {
      if (store().maintenance().upkeep({now, retention}).done.empty()) return;
    }
  }
  [[nodiscard]] bool there(const Claimed& claimed) {
    return tasks().find_execution(acme, claimed.id) && tasks().find(acme, claimed.task_id);
  }
};

}  // namespace

TEST_CASE_METHOD(UpkeepFixture, "what ended before the retention is removed, what ended in it is kept") {
  const Claimed old = finished(at(1s));
  const Claimed recent = finished(at(50 * day));
  keep_up(at(75 * day));
  reopen();
  CHECK_FALSE(tasks().find_execution(acme, old.id));
  CHECK_FALSE(tasks().find(acme, old.task_id));
  CHECK(there(recent));
  CHECK(tasks().find_execution(acme, recent.id)->request_url == recent.url);
}

TEST_CASE_METHOD(UpkeepFixture, "nothing is removed while nothing is old enough") {
  const Claimed kept = finished(at(1s));
  keep_up(at(29 * day));
  CHECK(there(kept));
}

TEST_CASE_METHOD(UpkeepFixture, "a task due in a year is kept and runs") {
  const NewWork far = once(acme, at(365 * day));
  insert(far);
  finished(at(1s));
  for (int days = 40; days < 365; days += 40) keep_up(at(days * day));
  reopen();
  CHECK(claim(at(364 * day)).empty());
  CHECK(claim_one(at(365 * day)).id == far.execution->id);
}

TEST_CASE_METHOD(UpkeepFixture, "a task edited far ahead is kept and runs") {
  const NewWork stored = once(acme, at(60s));
  const TaskId id = insert(stored);
  auto update = change_to(task(id), PendingChange::move);
  update.task.spec.scheduled_at = update.task.next_run_at = update.move_to = at(200 * day);
  REQUIRE(tasks().update(write(id, at(1s)), update).result == WriteResult::applied);
  keep_up(at(100 * day));
  keep_up(at(199 * day));
  CHECK(claim_one(at(200 * day)).id == stored.execution->id);
}

TEST_CASE_METHOD(UpkeepFixture, "a waiting retry keeps its task though the first attempt is removed") {
  insert(once(acme, at(1s)));
  const Claimed first = claim_one(at(1s));
  Settlement item = settlement(first, ExecutionStatus::failed, at(2s));
  item.retry = Retry{next_id<ExecutionId>(), at(100 * day)};
  REQUIRE(settle(item) == SettleOutcome::settled);
  keep_up(at(90 * day));
  CHECK_FALSE(tasks().find_execution(acme, first.id));
  const Claimed again = claim_one(at(100 * day));
  CHECK(again.id == item.retry->id);
  CHECK(again.attempt == 2);
}

TEST_CASE_METHOD(UpkeepFixture, "what is still running is kept, however old") {
  insert(once(acme, at(1s)));
  const Claimed running = claim_one(at(1s));
  keep_up(at(100 * day));
  CHECK(settle(settlement(running, ExecutionStatus::success, at(100 * day))) == SettleOutcome::settled);
  CHECK(there(running));
}

TEST_CASE_METHOD(UpkeepFixture, "a cron task is kept, its old executions are not") {
  const NewWork tick = cron(acme, at(900 * day));
  insert(tick);
  const auto run = next_id<ExecutionId>();
  (void)tasks().add_run(write(tick.task.id, at(1s)), {run, run, 1, at(1s)});
  REQUIRE(settle(settlement(claim_one(at(1s)), ExecutionStatus::success, at(2s))) == SettleOutcome::settled);
  NewWork disabled = cron(acme, at(900 * day));
  disabled.task.spec.enabled = false;
  insert(disabled);
  keep_up(at(100 * day));
  CHECK_FALSE(tasks().find_execution(acme, run));
  CHECK(task(tick.task.id).next_run_at == at(900 * day));
  CHECK(task(tick.task.id).last_execution_at == at(2s));
  CHECK(tasks().find(acme, disabled.task.id));
}

TEST_CASE_METHOD(UpkeepFixture, "a task with a recent execution is kept with it") {
  const NewWork stored = once(acme, at(1s));
  const Claimed first = finished(at(1s), stored);
  const auto run = next_id<ExecutionId>();
  (void)tasks().add_run(write(stored.task.id, at(60 * day)), {run, run, 1, at(60 * day)});
  REQUIRE(settle(settlement(claim_one(at(60 * day)), ExecutionStatus::success, at(60 * day))) ==
          SettleOutcome::settled);
  keep_up(at(80 * day));
  CHECK_FALSE(tasks().find_execution(acme, first.id));
  CHECK(status(run) == ExecutionStatus::success);
  CHECK(tasks().find(acme, stored.task.id));
  keep_up(at(120 * day));
  CHECK_FALSE(tasks().find(acme, stored.task.id));
}

TEST_CASE_METHOD(UpkeepFixture,
                 "the executions of a task deleted long ago are removed, those of one deleted now are not") {
  const NewWork before = once(acme, at(900 * day));
  const NewWork now = once(acme, at(900 * day));
  insert(before);
  insert(now);
  CHECK(tasks().remove(write(before.task.id, at(1s))).result == WriteResult::applied);
  CHECK(tasks().remove(write(now.task.id, at(70 * day))).result == WriteResult::applied);
  keep_up(at(80 * day));
  CHECK_FALSE(tasks().find_execution(acme, before.execution->id));
  CHECK(status(now.execution->id) == ExecutionStatus::cancelled);
}

TEST_CASE_METHOD(UpkeepFixture, "a task that was removed for its age may be stored anew") {
  const NewWork stored = once(acme, at(1s));
  finished(at(1s), stored);
  keep_up(at(100 * day));
  REQUIRE_FALSE(tasks().find(acme, stored.task.id));
  insert(stored);
  CHECK(claim_one(at(100 * day)).id == stored.execution->id);
}

TEST_CASE_METHOD(UpkeepFixture, "upkeep tells what it did and is quiet when there is nothing to do") {
  keep_up(at(100 * day));
  const auto idle = store().maintenance().upkeep({at(100 * day), 30 * day});
  CHECK(idle.done.empty());
  CHECK(idle.deferred.empty());
  finished(at(1s));
  CHECK_FALSE(store().maintenance().upkeep({at(100 * day), 30 * day}).done.empty());
}

TEST_CASE_METHOD(UpkeepFixture, "several servers may do the upkeep at once, while others work") {
  std::vector<NewWork> batch;
  for (int i = 0; i < 300; ++i) batch.push_back(once(acme, at(1s)));
  (void)work().insert(node, batch);
  std::vector<Settlement> ends;
  for (const Claimed& one : claim(at(1s), 300)) {
    ends.push_back(settlement(one, ExecutionStatus::success, at(2s)));
  }
  REQUIRE(work().settle(ends).size() == 300);
  const auto second = open_another();
  std::thread beside([&] {
    for (int i = 0; i < 20; ++i) (void)second->maintenance().upkeep({at(100 * day), 30 * day});
  });
  std::vector<ExecutionId> fresh;
  for (int i = 0; i < 20; ++i) {
    (void)store().maintenance().upkeep({at(100 * day), 30 * day});
    fresh.push_back(finished(at(100 * day)).id);
  }
  beside.join();
  keep_up(at(100 * day));
  for (const NewWork& old : batch) REQUIRE_FALSE(tasks().find(acme, old.task.id));
  for (const auto id : fresh) CHECK(status(id) == ExecutionStatus::success);
}

// ---- Retention of an organisation's own.

namespace {

struct OwnRetentionFixture : UpkeepFixture {
  void keep_for(OrganizationId organization, std::optional<seconds> retention) {
    REQUIRE(store().directory().change_organization(organization, [&](Organization& one) -> std::optional<AuditEntry> {
      one.limits.retention = retention;
      return std::nullopt;
    }));
  }
  [[nodiscard]] std::vector<ExecutionId> shown(Time now, std::optional<Time> kept_since,
                                               std::optional<TaskId> task = std::nullopt) {
    ExecutionQuery query;
    query.organization_id = acme;
    query.now = now;
    query.kept_since = kept_since;
    query.task_id = task;
    return ids_of(tasks().list_executions(query));
  }
};

}  // namespace

TEST_CASE_METHOD(OwnRetentionFixture,
                 "an organisation that keeps for longer loses nothing to the retention of others") {
  keep_for(acme, 100 * day);
  const Claimed mine = finished(at(1s));
  const NewWork foreign = once(other, at(1s));
  finished(at(1s), foreign);
  CHECK(store().directory().longest_retention() == 100 * day);
  keep_up(at(75 * day));
  reopen();
  CHECK(there(mine));
  // It may lie beside for a while, but is not shown.
  TaskQuery query;
  query.organization_id = other;
  query.kept_since = at(45 * day);
  CHECK(tasks().list(query).items.empty());
  keep_up(at(140 * day));
  CHECK_FALSE(tasks().find(other, foreign.task.id));
  CHECK_FALSE(tasks().find_execution(acme, mine.id));
  CHECK_FALSE(tasks().find(acme, mine.task_id));
}

TEST_CASE_METHOD(OwnRetentionFixture, "what a shorter retention does not keep is not shown, and what runs is") {
  keep_for(acme, 2 * day);
  const NewWork old = once(acme, at(1s));
  finished(at(1s), old);
  const NewWork recent = once(acme, at(4 * day));
  finished(at(4 * day), recent);
  const NewWork waiting = once(acme, at(90 * day));
  insert(waiting);
  const NewWork tick = cron(acme, at(900 * day));
  insert(tick);
  const Time now = at(5 * day);
  const Time since = now - 2 * day;
  CHECK(shown(now, since) == std::vector{waiting.execution->id, recent.execution->id});
  CHECK(shown(now, since, old.task.id).empty());
  CHECK(shown(now, since, recent.task.id).size() == 1);
  TaskQuery query;
  query.organization_id = acme;
  query.kept_since = since;
  const auto all = ids_of(tasks().list(query));
  CHECK(std::set(all.begin(), all.end()) == std::set{recent.task.id, waiting.task.id, tick.task.id});
  query.limit = 1;
  std::vector<TaskId> paged;
  for (;;) {
    const auto page = tasks().list(query);
    for (const Task& one : page.items) paged.push_back(one.id);
    if (!page.has_more) break;
    const Task& last = page.items.back();
    query.after = TaskCursor{last.last_execution_at, last.inserted_at, last.id};
  }
  CHECK(paged == all);
}

TEST_CASE_METHOD(OwnRetentionFixture, "a shorter retention never touches what is still to run") {
  keep_for(acme, 3600s);
  const NewWork far = once(acme, at(365 * day));
  insert(far);
  const NewWork tick = cron(acme, at(900 * day));
  insert(tick);
  insert(once(acme, at(1s)));
  const Claimed running = claim_one(at(1s));
  for (int days = 1; days < 60; days += 7) keep_up(at(days * day));
  CHECK(settle(settlement(running, ExecutionStatus::success, at(60 * day))) == SettleOutcome::settled);
  CHECK(there(running));
  CHECK(task(tick.task.id).next_run_at == at(900 * day));
  CHECK(claim_one(at(365 * day)).id == far.execution->id);
}

TEST_CASE_METHOD(OwnRetentionFixture,
                 "what no week keeps is removed by the shorter retention, of this organisation alone") {
  // Executions that end long after their making lie in no week.
  NewWork mine = once(acme, at(20 * day));
  NewWork foreign = once(other, at(20 * day));
  mine.task.inserted_at = foreign.task.inserted_at = at(0s);
  insert(mine);
  insert(foreign);
  for (const Claimed& one : claim(at(20 * day))) {
    REQUIRE(settle(settlement(one, ExecutionStatus::success, at(20 * day) + 1s)) == SettleOutcome::settled);
  }
  keep_for(acme, 2 * day);
  keep_up(at(23 * day));
  CHECK_FALSE(tasks().find_execution(acme, mine.execution->id));
  CHECK_FALSE(tasks().find(acme, mine.task.id));
  CHECK(tasks().find_execution(other, foreign.execution->id));
  CHECK(tasks().find(other, foreign.task.id));
}
