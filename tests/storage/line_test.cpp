#include <catch2/catch.hpp>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct LineFixture : StorageFixture {
  ExecutionId queued(Time due, const std::string& queue = "q") {
    const NewWork stored = once(acme, due, queue);
    insert(stored);
    return stored.execution->id;
  }
  void succeed(const Claimed& claimed, Time finished_at) {
    REQUIRE(settle(settlement(claimed, ExecutionStatus::success, finished_at)) == SettleOutcome::settled);
  }
  // Ends the attempt as failed; the id of the retry.
  ExecutionId fail(const Claimed& claimed, Time finished_at, Time retry_at) {
    Settlement item = settlement(claimed, ExecutionStatus::failed, finished_at);
    item.retry = Retry{next_id<ExecutionId>(), retry_at};
    REQUIRE(settle(item) == SettleOutcome::settled);
    return item.retry->id;
  }
};

}  // namespace

TEST_CASE_METHOD(LineFixture, "only the head of a queue is claimed") {
  const auto first = queued(at(1s));
  queued(at(1s));
  queued(at(2s));
  CHECK(claim_one(at(9s)).id == first);
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(LineFixture, "a queue goes on when its running execution is settled") {
  const auto later = queued(at(2s));
  const auto first = queued(at(1s));
  const auto first_too = queued(at(1s));
  for (const auto& expected : {first, first_too, later}) {
    const Claimed claimed = claim_one(at(9s));
    CHECK(claimed.id == expected);
    reopen();
    succeed(claimed, at(10s));
  }
  CHECK(claim(at(20s)).empty());
}

TEST_CASE_METHOD(LineFixture, "queues of one name in two organisations are two lines") {
  queued(at(1s));
  insert(once(other, at(1s), "q"));
  CHECK(claim(at(9s)).size() == 2);
}

TEST_CASE_METHOD(LineFixture, "two queues do not wait for each other") {
  queued(at(1s), "a");
  queued(at(1s), "b");
  queued(at(1s), "a");
  CHECK(claim(at(9s)).size() == 2);
}

TEST_CASE_METHOD(LineFixture, "queued executions are not claimed ahead") {
  const auto queued_id = queued(at(10s));
  const NewWork free = once(acme, at(10s));
  insert(free);
  const auto ahead = work().claim(claim_request(at(9s), at(11s), 10));
  CHECK(ids_of(ahead.claimed) == std::vector{free.execution->id});
  CHECK(ahead.next_due == at(10s));
  CHECK(claim_one(at(10s)).id == queued_id);
}

TEST_CASE_METHOD(LineFixture, "heads of queues and executions without one are claimed in one order") {
  const auto second = queued(at(2s));
  const NewWork first = once(acme, at(1s));
  const NewWork third = once(acme, at(3s));
  insert(third);
  insert(first);
  CHECK(ids_of(claim(at(9s), 2)) == std::vector{first.execution->id, second});
  CHECK(ids_of(claim(at(9s), 2)) == std::vector{third.execution->id});
}

TEST_CASE_METHOD(LineFixture, "a retry keeps the head of its queue") {
  queued(at(1s));
  const auto next = queued(at(2s));
  const Claimed claimed = claim_one(at(3s));
  const auto retry = fail(claimed, at(4s), at(30s));
  reopen();
  CHECK(claim(at(29s)).empty());
  const Claimed again = claim_one(at(30s));
  CHECK(again.id == retry);
  CHECK(again.attempt == 2);
  succeed(again, at(31s));
  CHECK(claim_one(at(31s)).id == next);
}

TEST_CASE_METHOD(LineFixture, "a released head stays the head though an earlier one has come") {
  queued(at(5s));
  const Claimed claimed = claim_one(at(6s));
  queued(at(1s));
  const ClaimRef held{claimed.id, claimed.token};
  work().release({&held, 1});
  CHECK(claim_one(at(6s)).id == claimed.id);
}

TEST_CASE_METHOD(LineFixture, "the next due time counts the head of an idle queue alone") {
  queued(at(1s));
  queued(at(2s));
  const auto busy = work().claim(claim_request(at(5s), 10));
  REQUIRE(busy.claimed.size() == 1);
  CHECK_FALSE(busy.next_due);
  fail(busy.claimed[0], at(6s), at(40s));
  CHECK(work().claim(claim_request(at(7s), 10)).next_due == at(40s));
}

TEST_CASE_METHOD(LineFixture, "a head that is not due holds nobody up who comes before it") {
  queued(at(100s));
  const auto early = queued(at(10s));
  CHECK(work().claim(claim_request(at(5s), 10)).next_due == at(10s));
  const Claimed claimed = claim_one(at(10s));
  CHECK(claimed.id == early);
  succeed(claimed, at(11s));
  CHECK(work().claim(claim_request(at(12s), 10)).next_due == at(100s));
}

TEST_CASE_METHOD(LineFixture, "a queued execution settled without a retry because its task is deleted frees the line") {
  queued(at(1s));
  const auto next = queued(at(2s));
  const Claimed claimed = claim_one(at(3s));
  (void)tasks().remove(write(claimed.task_id, at(3s), {&claimed.id, 1}));
  CHECK(claim(at(3s)).empty());
  Settlement item = settlement(claimed, ExecutionStatus::failed, at(4s));
  item.retry = Retry{next_id<ExecutionId>(), at(30s)};
  CHECK(settle(item) == SettleOutcome::settled_without_retry);
  CHECK(claim_one(at(5s)).id == next);
}

TEST_CASE_METHOD(LineFixture,
                 "a retry whose task has gone to another queue waits in that line behind what runs there") {
  queued(at(1s), "a");
  const Claimed moving = claim_one(at(2s));
  Task changed = task(moving.task_id);
  changed.spec.queue = "b";
  REQUIRE(tasks().update(write(moving.task_id, at(3s), {&moving.id, 1}), change_to(changed)).result ==
          WriteResult::applied);
  const auto retry = fail(moving, at(4s), at(5s));
  queued(at(4s), "b");
  const Claimed running = claim_one(at(4s));
  CHECK(claim(at(6s)).empty());
  succeed(running, at(7s));
  CHECK(claim_one(at(8s)).id == retry);
}

TEST_CASE_METHOD(LineFixture, "a retry whose task has got a queue of its own goes on there") {
  insert(once(acme, at(1s)));
  const Claimed moving = claim_one(at(2s));
  Task changed = task(moving.task_id);
  changed.spec.queue = "new";
  REQUIRE(tasks().update(write(moving.task_id, at(3s), {&moving.id, 1}), change_to(changed)).result ==
          WriteResult::applied);
  const auto retry = fail(moving, at(4s), at(30s));
  CHECK(claim_one(at(30s)).id == retry);
}

TEST_CASE_METHOD(LineFixture, "a long queue is worked off one after the other") {
  std::vector<NewWork> batch;
  for (int i = 0; i < 300; ++i) batch.push_back(once(acme, at(1s), "long"));
  (void)work().insert(node, batch);
  for (const NewWork& expected : batch) {
    const Claimed claimed = claim_one(at(2s));
    REQUIRE(claimed.id == expected.execution->id);
    succeed(claimed, at(3s));
  }
}
