#include <catch2/catch.hpp>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE_METHOD(StorageFixture, "claims come in order of due time, then id") {
  const NewWork third = once(acme, at(3s));
  const NewWork first = once(acme, at(1s));
  const NewWork second = once(other, at(2s));
  const NewWork second_too = once(acme, at(2s));
  for (const auto& one : {second_too, third, second, first}) insert(one);
  reopen();
  CHECK(ids_of(claim(at(9s))) ==
        std::vector{first.execution->id, second.execution->id, second_too.execution->id, third.execution->id});
}

TEST_CASE_METHOD(StorageFixture, "a claim takes what is due at the horizon and nothing later") {
  const NewWork due = once(acme, at(10s));
  insert(due);
  insert(once(acme, at(10s) + 1us));
  const auto result = work().claim({node, next_token(), at(5s), at(10s), 100});
  CHECK(ids_of(result.claimed) == std::vector{due.execution->id});
}

TEST_CASE_METHOD(StorageFixture, "a claim takes the earliest up to its limit") {
  std::vector<ExecutionId> expected;
  for (int i = 0; i < 5; ++i) {
    const NewWork stored = once(acme, at(seconds{i}));
    insert(stored);
    expected.push_back(stored.execution->id);
  }
  CHECK(ids_of(claim(at(9s), 2)) == std::vector{expected[0], expected[1]});
  CHECK(ids_of(claim(at(9s), 2)) == std::vector{expected[2], expected[3]});
  CHECK(ids_of(claim(at(9s), 2)) == std::vector{expected[4]});
}

TEST_CASE_METHOD(StorageFixture, "a claim of nothing claims nothing") {
  insert(once(acme, at(1s)));
  const auto result = work().claim({node, next_token(), at(5s), at(5s), 0});
  CHECK(result.claimed.empty());
  CHECK(result.next_due == at(1s));
}

TEST_CASE_METHOD(StorageFixture, "what is claimed is not claimed again, also after a restart") {
  insert(once(acme, at(1s)));
  CHECK(claim(at(5s)).size() == 1);
  CHECK(claim(at(5s)).empty());
  reopen();
  CHECK(claim(at(5s)).empty());
}

TEST_CASE_METHOD(StorageFixture, "a claim brings everything that is needed to deliver") {
  const NewWork stored = full_task(acme, at(1s));
  insert(stored);
  const auto token = next_token();
  const auto result = work().claim({node, token, at(5s), at(5s), 10});
  REQUIRE(result.claimed.size() == 1);
  const Claimed& claimed = result.claimed[0];
  const TaskSpec& spec = stored.task.spec;
  CHECK(claimed.id == stored.execution->id);
  CHECK(claimed.run_id == stored.execution->run_id);
  CHECK(claimed.task_id == stored.task.id);
  CHECK(claimed.organization_id == acme);
  CHECK(claimed.token == token);
  CHECK(claimed.attempt == 1);
  CHECK(claimed.rescues == 0);
  CHECK(claimed.scheduled_for == at(1s));
  CHECK(claimed.task_updated_at == stored.task.updated_at);
  CHECK(claimed.method == spec.method);
  CHECK(claimed.url == spec.url);
  CHECK(claimed.headers == spec.headers);
  CHECK(claimed.body == spec.body);
  CHECK(claimed.timeout == spec.timeout);
  CHECK(claimed.schedule_type == ScheduleType::once);
  CHECK(claimed.retry_attempts == spec.retry_attempts);
  CHECK(claimed.retry_delay == spec.retry_delay);
  CHECK(claimed.retry_max_delay == spec.retry_max_delay);
  CHECK(claimed.expires_in == spec.expires_in);
  CHECK(claimed.expected_status_codes == spec.expected_status_codes);
  CHECK(claimed.expected_body_pattern == spec.expected_body_pattern);
  CHECK(claimed.queue == spec.queue);
  CHECK(claimed.signing_secrets == std::vector<std::string>{"whsec_new", "whsec_old"});
}

TEST_CASE_METHOD(StorageFixture, "each claim carries the secrets of its own organisation") {
  insert(once(acme, at(1s)));
  insert(once(other, at(2s)));
  const auto claimed = claim(at(5s));
  REQUIRE(claimed.size() == 2);
  CHECK(claimed[0].signing_secrets.front() == "whsec_new");
  CHECK(claimed[1].signing_secrets.front() == "whsec_other");
}

TEST_CASE_METHOD(StorageFixture, "the next due time is that of the earliest execution left pending") {
  CHECK_FALSE(work().claim({node, next_token(), at(5s), at(5s), 10}).next_due);
  insert(once(acme, at(1s)));
  insert(once(acme, at(20s)));
  insert(once(acme, at(30s)));
  CHECK(work().claim({node, next_token(), at(5s), at(5s), 10}).next_due == at(20s));
  CHECK(work().claim({node, next_token(), at(5s), at(25s), 10}).next_due == at(30s));
  CHECK_FALSE(work().claim({node, next_token(), at(5s), at(35s), 10}).next_due);
}

TEST_CASE_METHOD(StorageFixture, "the next due time of a full claim is that of the first one left out") {
  insert(once(acme, at(1s)));
  insert(once(acme, at(2s)));
  CHECK(work().claim({node, next_token(), at(5s), at(5s), 1}).next_due == at(2s));
}

TEST_CASE_METHOD(StorageFixture, "the execution of a disabled task is claimed") {
  NewWork stored = cron(acme, at(60s));
  stored.task.spec.enabled = false;
  insert(stored);
  const auto id = next_id<ExecutionId>();
  CHECK(tasks().add_run(write(stored.task.id, at(1s)), {id, id, 1, at(1s)}).result == WriteResult::applied);
  CHECK(claim_one(at(1s)).id == id);
}

TEST_CASE_METHOD(StorageFixture, "nothing of a deleted task is claimed") {
  const TaskId id = insert(once(acme, at(1s)));
  CHECK(tasks().remove(write(id, at(0s))).result == WriteResult::applied);
  const auto result = work().claim({node, next_token(), at(5s), at(5s), 10});
  CHECK(result.claimed.empty());
  CHECK_FALSE(result.next_due);
}

TEST_CASE_METHOD(StorageFixture, "a released claim is pending again with its attempt and due time") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  const Claimed claimed = claim_one(at(5s));
  const ClaimRef held{claimed.id, claimed.token};
  work().release({&held, 1});
  reopen();
  const Execution found = execution(claimed.id);
  CHECK(found.status == ExecutionStatus::pending);
  CHECK(found.attempt == 1);
  CHECK(found.scheduled_for == at(1s));
  const Claimed again = claim_one(at(5s));
  CHECK(again.id == claimed.id);
  CHECK(again.rescues == 0);
}

TEST_CASE_METHOD(StorageFixture, "the token of a released claim is void") {
  insert(once(acme, at(1s)));
  const Claimed first = claim_one(at(5s));
  const ClaimRef held{first.id, first.token};
  work().release({&held, 1});
  const Claimed second = claim_one(at(5s));
  work().release({&held, 1});
  CHECK(status(first.id) == ExecutionStatus::running);
  CHECK(settle(settlement(first, ExecutionStatus::success, at(6s))) == SettleOutcome::stale);
  CHECK(settle(settlement(second, ExecutionStatus::success, at(6s))) == SettleOutcome::settled);
}

TEST_CASE_METHOD(StorageFixture, "releasing what is settled or unknown is ignored") {
  insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(5s));
  (void)settle(settlement(claimed, ExecutionStatus::success, at(6s)));
  const std::vector<ClaimRef> claims{{claimed.id, claimed.token}, {next_id<ExecutionId>(), claimed.token}};
  work().release(claims);
  CHECK(status(claimed.id) == ExecutionStatus::success);
}

TEST_CASE_METHOD(StorageFixture, "a released execution of a task deleted meanwhile is cancelled") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(5s));
  CHECK(tasks().remove(write(id, at(6s), {&claimed.id, 1})).revoked.empty());
  const ClaimRef held{claimed.id, claimed.token};
  work().release({&held, 1});
  CHECK(status(claimed.id) == ExecutionStatus::cancelled);
  CHECK(claim(at(9s)).empty());
}
