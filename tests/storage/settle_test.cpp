#include <catch2/catch.hpp>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

AuditEntry disabled_by_system(OrganizationId organization, Time when) {
  return {organization, when, "system", "task.disabled", "task", "The target answered 410."};
}

}  // namespace

TEST_CASE_METHOD(StorageFixture, "a result is kept, field by field") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(4s));
  item.started_at = at(3s);
  item.duration = 987ms;
  item.status_code = 503;
  item.error_message = "HTTP 503";
  item.response_body = "sorry";
  item.response_headers = {{"Retry-After", "7"}, {"X-Latin", "\xe9"}};
  item.request_method = Method::put;
  item.request_url = "https://example.com/was";
  CHECK(settle(item) == SettleOutcome::settled);
  reopen();
  const auto found = tasks().find_execution(acme, stored.execution->id);
  REQUIRE(found);
  CHECK(found->execution.status == ExecutionStatus::failed);
  CHECK(found->execution.started_at == at(3s));
  CHECK(found->execution.finished_at == at(4s));
  CHECK(found->execution.status_code == 503);
  CHECK(found->execution.duration == 987ms);
  CHECK(found->execution.error_message == "HTTP 503");
  CHECK(found->response_body == "sorry");
  CHECK(found->response_headers == item.response_headers);
  CHECK(found->request_method == Method::put);
  CHECK(found->request_url == "https://example.com/was");
}

TEST_CASE_METHOD(StorageFixture, "every way an attempt can end is kept") {
  for (const auto end : {ExecutionStatus::success, ExecutionStatus::failed, ExecutionStatus::timeout,
                         ExecutionStatus::missed, ExecutionStatus::cancelled}) {
    insert(once(acme, at(1s)));
    const Claimed claimed = claim_one(at(2s));
    CHECK(settle(settlement(claimed, end, at(3s))) == SettleOutcome::settled);
    CHECK(status(claimed.id) == end);
  }
}

TEST_CASE_METHOD(StorageFixture, "a result is written once") {
  insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  CHECK(settle(settlement(claimed, ExecutionStatus::success, at(3s))) == SettleOutcome::settled);
  CHECK(settle(settlement(claimed, ExecutionStatus::failed, at(4s))) == SettleOutcome::stale);
  CHECK(status(claimed.id) == ExecutionStatus::success);
}

TEST_CASE_METHOD(StorageFixture, "a wrong token settles nothing and makes no retry") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  Settlement wrong = settlement(claimed, ExecutionStatus::failed, at(3s));
  wrong.token = next_token();
  wrong.retry = Retry{next_id<ExecutionId>(), at(4s)};
  wrong.disable = disabled_by_system(acme, at(3s));
  CHECK(settle(wrong) == SettleOutcome::stale);
  CHECK(status(claimed.id) == ExecutionStatus::running);
  CHECK_FALSE(tasks().find_execution(acme, wrong.retry->id));
  CHECK(task(id).spec.enabled);
  CHECK_FALSE(task(id).last_execution_at);
}

TEST_CASE_METHOD(StorageFixture, "a stale item leaves its neighbours alone, outcomes come in item order") {
  std::vector<Settlement> batch;
  for (int i = 0; i < 3; ++i) insert(once(acme, at(1s)));
  for (const Claimed& claimed : claim(at(2s))) {
    batch.push_back(settlement(claimed, ExecutionStatus::success, at(9s) - seconds{batch.size()}));
  }
  batch[1].token = next_token();
  CHECK(work().settle(batch) == std::vector{SettleOutcome::settled, SettleOutcome::stale, SettleOutcome::settled});
}

TEST_CASE_METHOD(StorageFixture, "a retry is the next attempt of the run, pending at its time") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s));
  item.retry = Retry{next_id<ExecutionId>(), at(20s)};
  CHECK(settle(item) == SettleOutcome::settled);
  reopen();
  const Execution retry = execution(item.retry->id);
  CHECK(retry.status == ExecutionStatus::pending);
  CHECK(retry.attempt == 2);
  CHECK(retry.run_id == stored.execution->id);
  CHECK(retry.task_id == stored.task.id);
  CHECK(retry.scheduled_for == at(20s));
  CHECK(task(stored.task.id).next_run_at == at(20s));
  CHECK(claim(at(19s)).empty());
  const Claimed again = claim_one(at(20s));
  CHECK(again.attempt == 2);
  CHECK(again.run_id == stored.execution->id);
}

TEST_CASE_METHOD(StorageFixture, "a task remembers its last execution") {
  const TaskId id = insert(once(acme, at(1s)));
  CHECK(settle(settlement(claim_one(at(2s)), ExecutionStatus::timeout, at(3s))) == SettleOutcome::settled);
  reopen();
  CHECK(task(id).last_execution_at == at(3s));
  CHECK(task(id).last_execution_status == ExecutionStatus::timeout);
  CHECK_FALSE(task(id).next_run_at);
}

TEST_CASE_METHOD(StorageFixture, "settling is no new version of a task") {
  const TaskId id = insert(once(acme, at(1s)));
  const Time version = task(id).updated_at;
  (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s)));
  CHECK(task(id).updated_at == version);
}

TEST_CASE_METHOD(StorageFixture, "the next run of a cron task is not touched by a result") {
  const TaskId id = insert(cron(acme, at(60s)));
  const auto run = next_id<ExecutionId>();
  (void)tasks().add_run(write(id, at(1s)), {run, run, 1, at(1s)});
  (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s)));
  CHECK(task(id).next_run_at == at(60s));
}

namespace {

// A cron task with three runs claimed together.
struct ThreeRuns : StorageFixture {
  ThreeRuns() {
    id = insert(cron(acme, at(60s)));
    for (int i = 0; i < 3; ++i) {
      const auto run = next_id<ExecutionId>();
      (void)tasks().add_run(write(id, at(1s)), {run, run, 1, at(1s)});
    }
    claimed = claim(at(2s));
    REQUIRE(claimed.size() == 3);
  }
  TaskId id;
  std::vector<Claimed> claimed;
};

}  // namespace

TEST_CASE_METHOD(ThreeRuns, "of several results of a task in a batch the last to finish decides") {
  const std::vector batch{settlement(claimed[0], ExecutionStatus::success, at(5s)),
                          settlement(claimed[1], ExecutionStatus::failed, at(7s)),
                          settlement(claimed[2], ExecutionStatus::timeout, at(6s))};
  (void)work().settle(batch);
  CHECK(task(id).last_execution_at == at(7s));
  CHECK(task(id).last_execution_status == ExecutionStatus::failed);
}

TEST_CASE_METHOD(ThreeRuns, "the last execution of a task never moves backwards") {
  (void)settle(settlement(claimed[0], ExecutionStatus::success, at(9s)));
  (void)settle(settlement(claimed[1], ExecutionStatus::failed, at(5s)));
  CHECK(task(id).last_execution_at == at(9s));
  CHECK(task(id).last_execution_status == ExecutionStatus::success);
}

TEST_CASE_METHOD(StorageFixture, "a deleted task is not retried") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  (void)tasks().remove(write(id, at(2s), {&claimed.id, 1}));
  Settlement item = settlement(claimed, ExecutionStatus::failed, at(3s));
  item.retry = Retry{next_id<ExecutionId>(), at(4s)};
  CHECK(settle(item) == SettleOutcome::settled_without_retry);
  CHECK(status(claimed.id) == ExecutionStatus::failed);
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(StorageFixture, "a disabled task is not retried") {
  NewWork stored = cron(acme, at(60s));
  stored.task.spec.enabled = false;
  insert(stored);
  const auto run = next_id<ExecutionId>();
  (void)tasks().add_run(write(stored.task.id, at(1s)), {run, run, 1, at(1s)});
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s));
  item.retry = Retry{next_id<ExecutionId>(), at(4s)};
  CHECK(settle(item) == SettleOutcome::settled_without_retry);
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(ThreeRuns, "a result can disable its task and cancel what is pending") {
  const ClaimRef waiting{claimed[1].id, claimed[1].token};
  work().release({&waiting, 1});
  const Time version = task(id).updated_at;
  Settlement item = settlement(claimed[0], ExecutionStatus::failed, at(5s));
  item.disable = disabled_by_system(acme, at(5s));
  item.retry = Retry{next_id<ExecutionId>(), at(6s)};
  CHECK(settle(item) == SettleOutcome::settled_without_retry);
  reopen();
  const Task found = task(id);
  CHECK_FALSE(found.spec.enabled);
  CHECK_FALSE(found.next_run_at);
  CHECK(found.updated_at > version);
  CHECK(status(claimed[1].id) == ExecutionStatus::cancelled);
  CHECK(execution(claimed[1].id).finished_at == at(5s));
  CHECK(status(claimed[2].id) == ExecutionStatus::running);
  CHECK(store().schedules().due(at(999s), 10).schedules.empty());
}

TEST_CASE_METHOD(StorageFixture, "an empty batch settles nothing") { CHECK(work().settle({}).empty()); }
