#include <catch2/catch.hpp>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE_METHOD(StorageFixture, "an inserted task is there, field by field, after a restart") {
  const NewWork stored = full_task(acme, at(60s));
  insert(stored);
  reopen();
  const Task found = task(stored.task.id);
  CHECK(found.spec == stored.task.spec);
  CHECK(found.organization_id == acme);
  CHECK(found.next_run_at == stored.task.next_run_at);
  CHECK(found.inserted_at == stored.task.inserted_at);
  CHECK(found.updated_at == stored.task.updated_at);
  CHECK_FALSE(found.last_execution_at);
  CHECK_FALSE(found.last_execution_status);
}

TEST_CASE_METHOD(StorageFixture, "the execution of an inserted task is pending") {
  const NewWork stored = once(acme, at(60s));
  insert(stored);
  reopen();
  const Execution found = execution(stored.execution->id);
  CHECK(found.task_id == stored.task.id);
  CHECK(found.run_id == stored.execution->run_id);
  CHECK(found.attempt == 1);
  CHECK(found.status == ExecutionStatus::pending);
  CHECK(found.scheduled_for == at(60s));
  CHECK_FALSE(found.started_at);
  CHECK_FALSE(found.finished_at);
}

TEST_CASE_METHOD(StorageFixture, "a cron task is inserted without an execution") {
  const NewWork stored = cron(acme, at(60s));
  insert(stored);
  CHECK(claim(at(120s)).empty());
  CHECK(task(stored.task.id).spec.cron_expression == "* * * * *");
}

TEST_CASE_METHOD(StorageFixture, "a batch gives one outcome an item, in order") {
  std::vector<NewWork> batch;
  for (int i = 0; i < 100; ++i) batch.push_back(once(acme, at(1s)));
  batch[40].idempotency = key_used("k", 'a', at(0s));
  batch[70].idempotency = key_used("k", 'b', at(0s));
  const auto outcomes = work().insert(node, batch);
  REQUIRE(outcomes.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(outcomes[i].result == (i == 70 ? WriteResult::key_reused : WriteResult::applied));
  }
  CHECK(claim(at(1s), 200).size() == 99);
}

TEST_CASE_METHOD(StorageFixture, "an empty batch is no error") { CHECK(work().insert(node, {}).empty()); }

TEST_CASE_METHOD(StorageFixture, "a batch sent again changes nothing") {
  std::vector<NewWork> batch{once(acme, at(1s)), once(acme, at(1s))};
  batch[1].idempotency = key_used("k", 'a', at(0s));
  (void)work().insert(node, batch);
  const auto claimed = claim(at(1s));
  REQUIRE(claimed.size() == 2);
  CHECK(settle(settlement(claimed[0], ExecutionStatus::success, at(2s))) == SettleOutcome::settled);
  const auto again = work().insert(node, batch);
  CHECK(again[0].result == WriteResult::applied);
  CHECK(again[1].result == WriteResult::applied);
  CHECK(status(batch[0].execution->id) == ExecutionStatus::success);
  CHECK(status(batch[1].execution->id) == ExecutionStatus::running);
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(StorageFixture, "an item that cannot be stored leaves its neighbours alone") {
  std::vector<NewWork> batch{once(acme, at(1s)), once(next_id<OrganizationId>(), at(1s)), once(acme, at(1s)),
                             once(acme, at(1s)), once(acme, at(1s))};
  batch[3].execution->id = batch[0].execution->id;
  const auto outcomes = work().insert(node, batch);
  CHECK(outcomes[0].result == WriteResult::applied);
  CHECK(outcomes[1].result == WriteResult::conflict);
  CHECK(outcomes[2].result == WriteResult::applied);
  CHECK(outcomes[3].result == WriteResult::conflict);
  CHECK(outcomes[4].result == WriteResult::applied);
  CHECK_FALSE(tasks().find(acme, batch[3].task.id));
  CHECK(ids_of(claim(at(1s))) == std::vector{batch[0].execution->id, batch[2].execution->id, batch[4].execution->id});
}

TEST_CASE_METHOD(StorageFixture, "work inserted with a claim is running under the node of the batch") {
  NewWork stored = once(acme, at(1s));
  stored.claim = next_token();
  insert(stored);
  CHECK(claim(at(5s)).empty());
  CHECK(status(stored.execution->id) == ExecutionStatus::running);
  CHECK(store().leases().held(node) == std::vector{ClaimRef{stored.execution->id, *stored.claim}});
}

TEST_CASE_METHOD(StorageFixture, "a claim made at insert is settled by its token") {
  NewWork stored = once(acme, at(1s));
  stored.claim = next_token();
  insert(stored);
  Claimed claimed;
  claimed.id = stored.execution->id;
  claimed.token = *stored.claim;
  claimed.task_id = stored.task.id;
  CHECK(settle(settlement(claimed, ExecutionStatus::success, at(2s))) == SettleOutcome::settled);
}

TEST_CASE_METHOD(StorageFixture, "an insert tells what it has claimed") {
  std::vector<NewWork> batch{once(acme, at(1s)), once(acme, at(1s)), cron(acme, at(60s)), once(acme, at(1s), "q")};
  for (const std::size_t with_claim : {0, 2, 3}) batch[with_claim].claim = next_token();
  const auto outcomes = work().insert(node, batch);
  REQUIRE(outcomes.size() == 4);
  for (const auto& outcome : outcomes) CHECK(outcome.result == WriteResult::applied);
  CHECK(outcomes[0].claimed);
  CHECK_FALSE(outcomes[1].claimed);
  CHECK_FALSE(outcomes[2].claimed);
  CHECK_FALSE(outcomes[3].claimed);
  CHECK(status(batch[0].execution->id) == ExecutionStatus::running);
  CHECK(status(batch[3].execution->id) == ExecutionStatus::pending);
}

TEST_CASE_METHOD(StorageFixture, "a batch sent again tells again what it has claimed") {
  std::vector<NewWork> batch{once(acme, at(1s)), once(acme, at(1s)), once(acme, at(1s), "q")};
  batch[0].claim = next_token();
  batch[1].claim = next_token();
  batch[2].claim = next_token();
  batch[1].idempotency = key_used("k", 'a', at(0s));
  (void)work().insert(node, batch);
  const auto again = work().insert(node, batch);
  REQUIRE(again.size() == 3);
  CHECK(again[0].claimed);
  CHECK(again[1].claimed);
  CHECK_FALSE(again[2].claimed);
}
