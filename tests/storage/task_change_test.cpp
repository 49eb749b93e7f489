#include <catch2/catch.hpp>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE_METHOD(StorageFixture, "an update writes the whole new state") {
  const NewWork before = once(acme, at(60s));
  const TaskId id = insert(before);
  Task changed = task(id);
  changed.spec = full_task(acme, at(60s)).task.spec;
  const auto update = change_to(changed);
  CHECK(tasks().update(write(id, at(1s)), update).result == WriteResult::applied);
  reopen();
  const Task found = task(id);
  CHECK(found.spec == changed.spec);
  CHECK(found.updated_at == update.task.updated_at);
  CHECK(found.inserted_at == before.task.inserted_at);
  CHECK(found.next_run_at == at(60s));
}

TEST_CASE_METHOD(StorageFixture, "an update of what has changed since it was read is stale") {
  const TaskId id = insert(once(acme, at(60s)));
  auto update = change_to(task(id));
  update.task.spec.name = "new";
  update.expected_version -= 1us;
  CHECK(tasks().update(write(id, at(1s)), update).result == WriteResult::stale);
  CHECK(task(id).spec.name == "once");
}

TEST_CASE_METHOD(StorageFixture, "of two updates of one version one is stale") {
  const TaskId id = insert(once(acme, at(60s)));
  auto first = change_to(task(id));
  auto second = first;
  first.task.spec.name = "first";
  second.task.spec.name = "second";
  CHECK(tasks().update(write(id, at(1s)), first).result == WriteResult::applied);
  CHECK(tasks().update(write(id, at(1s)), second).result == WriteResult::stale);
  CHECK(task(id).spec.name == "first");
}

TEST_CASE_METHOD(StorageFixture, "an update keeps a result that came since the task was read") {
  const TaskId id = insert(once(acme, at(1s)));
  auto update = change_to(task(id));
  update.task.spec.name = "new";
  (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s)));
  CHECK(tasks().update(write(id, at(4s)), update).result == WriteResult::applied);
  const Task found = task(id);
  CHECK(found.spec.name == "new");
  CHECK(found.last_execution_at == at(3s));
  CHECK(found.last_execution_status == ExecutionStatus::success);
  CHECK_FALSE(found.next_run_at);
}

TEST_CASE_METHOD(StorageFixture, "an update of a cron task keeps a step that was taken since it was read") {
  const NewWork stored = cron(acme, at(10s));
  const TaskId id = insert(stored);
  auto update = change_to(task(id));
  update.task.spec.name = "new";
  const auto run = next_id<ExecutionId>();
  const ScheduleStep step{id, acme, at(10s), stored.task.updated_at, {{run, run, 1, at(10s)}}, false, at(70s), {}};
  REQUIRE(store().schedules().advance({&step, 1}).at(0) == 1);
  CHECK(tasks().update(write(id, at(11s)), update).result == WriteResult::applied);
  CHECK(task(id).next_run_at == at(70s));
}

TEST_CASE_METHOD(StorageFixture, "an update of a schedule sets its next run") {
  const TaskId id = insert(cron(acme, at(10s)));
  auto update = change_to(task(id), PendingChange::forget);
  update.task.spec.cron_expression = "0 * * * *";
  update.task.next_run_at = at(3600s);
  CHECK(tasks().update(write(id, at(1s)), update).result == WriteResult::applied);
  CHECK(task(id).next_run_at == at(3600s));
}

TEST_CASE_METHOD(StorageFixture, "changes of unknown, deleted and foreign tasks are not_found") {
  const TaskId deleted = insert(once(acme, at(60s)));
  const TaskId present = insert(once(acme, at(60s)));
  const auto update = change_to(task(deleted));
  (void)tasks().remove(write(deleted, at(1s)));
  const auto run = next_id<ExecutionId>();
  const NewExecution execution{run, run, 1, at(1s)};
  auto foreign = write(present, at(1s));
  foreign.organization_id = other;
  for (const auto& missing : {write(next_id<TaskId>(), at(1s)), write(deleted, at(1s)), foreign}) {
    CHECK(tasks().update(missing, update).result == WriteResult::not_found);
    CHECK(tasks().remove(missing).result == WriteResult::not_found);
    CHECK(tasks().add_run(missing, execution).result == WriteResult::not_found);
  }
  CHECK(tasks().find(acme, present));
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(StorageFixture, "moving a task moves its pending execution") {
  const NewWork stored = once(acme, at(60s));
  const TaskId id = insert(stored);
  auto update = change_to(task(id), PendingChange::move);
  update.task.spec.scheduled_at = update.task.next_run_at = update.move_to = at(10s);
  CHECK(tasks().update(write(id, at(1s)), update).result == WriteResult::applied);
  reopen();
  CHECK(execution(stored.execution->id).scheduled_for == at(10s));
  CHECK(task(id).next_run_at == at(10s));
  CHECK(claim_one(at(10s)).id == stored.execution->id);
}

TEST_CASE_METHOD(StorageFixture, "moving a task whose execution is claimed ahead revokes the claim") {
  const TaskId id = insert(once(acme, at(5s)));
  const auto ahead = work().claim(claim_request(at(4s), at(5s), 10)).claimed;
  REQUIRE(ahead.size() == 1);
  auto update = change_to(task(id), PendingChange::move);
  update.move_to = at(500s);
  const auto outcome = tasks().update(write(id, at(4s)), update);
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked == std::vector{ClaimRef{ahead[0].id, ahead[0].token}});
  CHECK(settle(settlement(ahead[0], ExecutionStatus::success, at(6s))) == SettleOutcome::stale);
  CHECK(execution(ahead[0].id).status == ExecutionStatus::pending);
  CHECK(execution(ahead[0].id).scheduled_for == at(500s));
}

TEST_CASE_METHOD(StorageFixture, "a task whose execution is under way or finished cannot be moved") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  auto update = change_to(task(id), PendingChange::move);
  update.task.spec.name = "new";
  update.move_to = at(500s);
  CHECK(tasks().update(write(id, at(3s), {&claimed.id, 1}), update).result == WriteResult::conflict);
  CHECK(settle(settlement(claimed, ExecutionStatus::success, at(4s))) == SettleOutcome::settled);
  CHECK(tasks().update(write(id, at(5s)), update).result == WriteResult::conflict);
  CHECK(task(id).spec.name == "once");
}

TEST_CASE_METHOD(StorageFixture, "an update that keeps executions revokes claims so that new values are read") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed old = claim_one(at(2s));
  auto update = change_to(task(id));
  update.task.spec.url = "https://example.com/new";
  const auto outcome = tasks().update(write(id, at(3s)), update);
  CHECK(outcome.revoked == std::vector{ClaimRef{old.id, old.token}});
  const Claimed again = claim_one(at(3s));
  CHECK(again.id == old.id);
  CHECK(again.url == "https://example.com/new");
  CHECK(again.scheduled_for == at(1s));
  CHECK(again.rescues == 0);
}

TEST_CASE_METHOD(StorageFixture, "an update leaves executions that are being sent as they are") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  auto update = change_to(task(id));
  update.task.spec.name = "new";
  const auto outcome = tasks().update(write(id, at(3s), {&claimed.id, 1}), update);
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked.empty());
  CHECK(settle(settlement(claimed, ExecutionStatus::success, at(4s))) == SettleOutcome::settled);
}

TEST_CASE_METHOD(StorageFixture, "forgetting deletes what a schedule made and is not yet due, and nothing else") {
  const NewWork stored = cron(acme, at(10s));
  const TaskId id = insert(stored);
  ScheduleStep step{id, acme, at(10s), stored.task.updated_at, {}, false, at(130s), {}};
  for (const auto due : {10s, 70s, 71s}) {
    const auto run = next_id<ExecutionId>();
    step.executions.push_back({run, run, 1, at(due)});
  }
  REQUIRE(store().schedules().advance({&step, 1}).at(0) == 3);
  const auto manual = next_id<ExecutionId>();
  (void)tasks().add_run(write(id, at(11s)), {manual, manual, 1, at(90s)});
  const auto ahead = work().claim(claim_request(at(70s) - 1s, at(70s), 10)).claimed;
  REQUIRE(ahead.size() == 2);

  auto update = change_to(task(id), PendingChange::forget);
  update.task.spec.enabled = false;
  update.task.next_run_at.reset();
  const auto outcome = tasks().update(write(id, at(60s)), update);
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked.size() == 2);
  reopen();
  CHECK(status(step.executions[0].id) == ExecutionStatus::pending);
  CHECK_FALSE(tasks().find_execution(acme, step.executions[1].id));
  CHECK_FALSE(tasks().find_execution(acme, step.executions[2].id));
  CHECK(status(manual) == ExecutionStatus::pending);
  CHECK_FALSE(task(id).next_run_at);
}

TEST_CASE_METHOD(StorageFixture, "forgetting keeps a retry that is not yet due") {
  const NewWork stored = cron(acme, at(10s));
  const TaskId id = insert(stored);
  const auto run = next_id<ExecutionId>();
  const ScheduleStep step{id, acme, at(10s), stored.task.updated_at, {{run, run, 1, at(10s)}}, false, at(70s), {}};
  REQUIRE(store().schedules().advance({&step, 1}).at(0) == 1);
  Settlement item = settlement(claim_one(at(10s)), ExecutionStatus::failed, at(11s));
  item.retry = Retry{next_id<ExecutionId>(), at(40s)};
  (void)settle(item);
  (void)tasks().update(write(id, at(12s)), change_to(task(id), PendingChange::forget));
  CHECK(status(item.retry->id) == ExecutionStatus::pending);
}

TEST_CASE_METHOD(StorageFixture, "deleting a task cancels what is pending and what is only claimed") {
  const TaskId id = insert(cron(acme, at(900s)));
  std::vector<ExecutionId> runs;
  for (int i = 0; i < 3; ++i) {
    runs.push_back(next_id<ExecutionId>());
    (void)tasks().add_run(write(id, at(1s)), {runs.back(), runs.back(), 1, at(seconds{i})});
  }
  const auto claimed = claim(at(9s), 2);
  REQUIRE(claimed.size() == 2);
  const auto outcome = tasks().remove(write(id, at(10s), {&claimed[0].id, 1}));
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked == std::vector{ClaimRef{claimed[1].id, claimed[1].token}});
  reopen();
  CHECK(status(runs[0]) == ExecutionStatus::running);
  CHECK(status(runs[1]) == ExecutionStatus::cancelled);
  CHECK(status(runs[2]) == ExecutionStatus::cancelled);
  CHECK(execution(runs[2]).finished_at == at(10s));
  CHECK(settle(settlement(claimed[1], ExecutionStatus::success, at(11s))) == SettleOutcome::stale);
  CHECK(settle(settlement(claimed[0], ExecutionStatus::success, at(11s))) == SettleOutcome::settled);
  CHECK(claim(at(999s)).empty());
}

TEST_CASE_METHOD(StorageFixture, "a triggered run is pending beside the scheduled one") {
  const TaskId id = insert(once(acme, at(60s)));
  const auto run = next_id<ExecutionId>();
  CHECK(tasks().add_run(write(id, at(1s)), {run, run, 1, at(1s)}).result == WriteResult::applied);
  reopen();
  CHECK(task(id).next_run_at == at(1s));
  (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s)));
  CHECK(task(id).next_run_at == at(60s));
  CHECK(claim_one(at(60s)).task_id == id);
}

TEST_CASE_METHOD(StorageFixture, "a triggered run leaves other claims of the task alone") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  const auto run = next_id<ExecutionId>();
  CHECK(tasks().add_run(write(id, at(3s)), {run, run, 1, at(3s)}).revoked.empty());
  CHECK(settle(settlement(claimed, ExecutionStatus::success, at(4s))) == SettleOutcome::settled);
}

// ---- Claims of another server.

namespace {

// A task that another server has claimed.
struct ElsewhereFixture : StorageFixture {
  ElsewhereFixture() {
    second = open_another();
    (void)second->leases().acquire({elsewhere, "elsewhere", 4711, at(0s)});
    id = insert(once(acme, at(1s)));
    claimed = claim_elsewhere();
  }
  Claimed claim_elsewhere() {
    ClaimRequest request = claim_request(at(2s), 10);
    request.node = elsewhere;
    const auto found = second->work().claim(request).claimed;
    REQUIRE(found.size() == 1);
    return found[0];
  }
  void mark_started(const Claimed& one) {
    const StartedClaim started{{one.id, one.token}, at(2s)};
    second->work().mark_started({&started, 1});
  }

  PluginLibrary::Instance second;
  const NodeId elsewhere = next_id<NodeId>();
  TaskId id;
  Claimed claimed;
};

}  // namespace

TEST_CASE_METHOD(ElsewhereFixture, "a claim of another server holds a change up and is left as it is",
                 "[several-servers]") {
  auto update = change_to(task(id));
  update.task.spec.name = "new";
  CHECK(tasks().update(write(id, at(3s)), update).result == WriteResult::held_elsewhere);
  CHECK(tasks().remove(write(id, at(3s))).result == WriteResult::held_elsewhere);
  CHECK(task(id).spec.name == "once");
  const Settlement end = settlement(claimed, ExecutionStatus::success, at(4s));
  CHECK(second->work().settle({&end, 1})[0] == SettleOutcome::settled);
  CHECK(tasks().update(write(id, at(5s)), update).result == WriteResult::applied);
}

TEST_CASE_METHOD(ElsewhereFixture, "a claim of another server that is marked as started is under way",
                 "[several-servers]") {
  mark_started(claimed);
  const auto outcome = tasks().remove(write(id, at(3s)));
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked.empty());
  const Settlement end = settlement(claimed, ExecutionStatus::success, at(4s));
  CHECK(second->work().settle({&end, 1})[0] == SettleOutcome::settled);
}

TEST_CASE_METHOD(ElsewhereFixture, "a mark on an earlier claim of another server says nothing about its new one",
                 "[several-servers]") {
  mark_started(claimed);
  const ClaimRef given_back{claimed.id, claimed.token};
  second->work().release({&given_back, 1});
  const Claimed again = claim_elsewhere();
  mark_started(claimed);
  CHECK(tasks().remove(write(id, at(3s))).result == WriteResult::held_elsewhere);
  mark_started(again);
  CHECK(tasks().remove(write(id, at(3s))).result == WriteResult::applied);
}
