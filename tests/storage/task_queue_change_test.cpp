#include <catch2/catch.hpp>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

StoredReply count_reply(std::size_t count) { return {200, std::to_string(count)}; }

}  // namespace

TEST_CASE_METHOD(StorageFixture, "deleting a queue deletes the tasks that wait in it and counts them") {
  std::vector<NewWork> queued;
  for (int i = 0; i < 3; ++i) queued.push_back(once(acme, at(60s), "q"));
  for (const auto& one : queued) insert(one);
  const TaskId elsewhere = insert(once(acme, at(60s), "p"));
  const NewWork foreign = once(other, at(60s), "q");
  insert(foreign);
  std::size_t counted = 0;
  const auto outcome = tasks().remove_queue(write({}, at(1s)), "q", [&](std::size_t count) {
    counted = count;
    return count_reply(count);
  });
  CHECK(outcome.result == WriteResult::applied);
  CHECK(counted == 3);
  reopen();
  for (const auto& one : queued) {
    CHECK_FALSE(tasks().find(acme, one.task.id));
    CHECK(status(one.execution->id) == ExecutionStatus::cancelled);
  }
  CHECK(tasks().find(acme, elsewhere));
  CHECK(tasks().find(other, foreign.task.id));
}

TEST_CASE_METHOD(StorageFixture, "deleting a queue leaves finished tasks and the one under way") {
  const TaskId finished = insert(once(acme, at(1s), "q"));
  (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s)));
  const TaskId sent = insert(once(acme, at(1s), "q"));
  const Claimed claimed = claim_one(at(4s));
  insert(once(acme, at(1s), "q"));
  const auto outcome = tasks().remove_queue(write({}, at(5s), {&claimed.id, 1}), "q", [](std::size_t count) {
    CHECK(count == 1);
    return count_reply(count);
  });
  CHECK(outcome.revoked.empty());
  CHECK(tasks().find(acme, finished));
  CHECK(tasks().find(acme, sent));
  CHECK(settle(settlement(claimed, ExecutionStatus::success, at(6s))) == SettleOutcome::settled);
}

TEST_CASE_METHOD(StorageFixture, "deleting a queue revokes a claim that is not yet being sent") {
  insert(once(acme, at(1s), "q"));
  const Claimed claimed = claim_one(at(2s));
  const auto outcome = tasks().remove_queue(write({}, at(3s)), "q", count_reply);
  CHECK(outcome.revoked == std::vector{ClaimRef{claimed.id, claimed.token}});
  CHECK(status(claimed.id) == ExecutionStatus::cancelled);
}

TEST_CASE_METHOD(StorageFixture, "the reply of a deleted queue is stored with its count") {
  insert(once(acme, at(60s), "q"));
  TaskWrite keyed = write({}, at(1s));
  keyed.idempotency = key_used("k", 'a', at(1s), "not this one");
  CHECK(tasks().remove_queue(keyed, "q", count_reply).result == WriteResult::applied);
  insert(once(acme, at(60s), "q"));
  const auto again = tasks().remove_queue(keyed, "q", count_reply);
  CHECK(again.result == WriteResult::replayed);
  CHECK(again.replay == StoredReply{200, "1"});
  CHECK(claim(at(60s)).size() == 1);
}

TEST_CASE_METHOD(StorageFixture, "a queue stays when its reply cannot be made") {
  const TaskId id = insert(once(acme, at(60s), "q"));
  const auto refuse = [](std::size_t) -> StoredReply { throw std::runtime_error("no reply"); };
  CHECK_THROWS_WITH(tasks().remove_queue(write({}, at(1s)), "q", refuse), "no reply");
  CHECK(tasks().find(acme, id));
}

TEST_CASE_METHOD(StorageFixture, "deleting a task frees its queue for the next") {
  const TaskId head = insert(once(acme, at(1s), "q"));
  const NewWork next = once(acme, at(2s), "q");
  insert(next);
  (void)claim_one(at(3s));
  (void)tasks().remove(write(head, at(4s)));
  CHECK(claim_one(at(5s)).id == next.execution->id);
}

TEST_CASE_METHOD(StorageFixture, "a moved execution takes its new place in the queue") {
  const NewWork first = once(acme, at(1s), "q");
  const NewWork second = once(acme, at(2s), "q");
  insert(first);
  insert(second);
  auto update = change_to(task(first.task.id), PendingChange::move);
  update.move_to = at(3s);
  (void)tasks().update(write(first.task.id, at(0s)), update);
  CHECK(claim_one(at(9s)).id == second.execution->id);
}

TEST_CASE_METHOD(StorageFixture, "a moved execution that had been claimed takes its new place, too") {
  const NewWork first = once(acme, at(1s), "q");
  const NewWork second = once(acme, at(2s), "q");
  insert(first);
  insert(second);
  CHECK(claim_one(at(9s)).id == first.execution->id);
  auto update = change_to(task(first.task.id), PendingChange::move);
  update.move_to = at(3s);
  (void)tasks().update(write(first.task.id, at(9s)), update);
  CHECK(claim_one(at(9s)).id == second.execution->id);
}

TEST_CASE_METHOD(StorageFixture, "a task moved to another queue waits there") {
  const NewWork mover = once(acme, at(1s), "mail");
  const NewWork behind = once(acme, at(2s), "mail");
  const NewWork resident = once(acme, at(0s), "post");
  for (const auto& one : {mover, behind, resident}) insert(one);
  auto update = change_to(task(mover.task.id));
  update.task.spec.queue = "post";
  (void)tasks().update(write(mover.task.id, at(0s)), update);
  const auto heads = claim(at(9s));
  CHECK(ids_of(heads) == std::vector{resident.execution->id, behind.execution->id});
  (void)settle(settlement(heads[0], ExecutionStatus::success, at(10s)));
  const Claimed moved = claim_one(at(11s));
  CHECK(moved.id == mover.execution->id);
  CHECK(moved.queue == "post");
}

TEST_CASE_METHOD(StorageFixture, "a task taken out of its queue waits for nobody") {
  const NewWork head = once(acme, at(1s), "q");
  const NewWork leaver = once(acme, at(2s), "q");
  insert(head);
  insert(leaver);
  auto update = change_to(task(leaver.task.id));
  update.task.spec.queue.reset();
  (void)tasks().update(write(leaver.task.id, at(0s)), update);
  CHECK(claim(at(9s)).size() == 2);
}
