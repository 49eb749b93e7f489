// New runs of executions that have ended.
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "punctual/execution_changes.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

StoredReply number(std::size_t count) { return {202, std::to_string(count)}; }

struct RetryFixture : StorageFixture {
  ExecutionChanges& changes() { return store().execution_changes(); }

  ExecutionId ended(Time due, ExecutionStatus status, std::optional<std::string> queue = std::nullopt) {
    const NewWork stored = once(acme, due, std::move(queue));
    insert(stored);
    (void)settle(settlement(claim_one(due), status, due + 1s));
    return stored.execution->id;
  }
  NewExecution new_run(Time due) {
    const auto id = next_id<ExecutionId>();
    return {id, id, 1, due};
  }
  // How many of the first `limit` were retried, all due at `now`.
  std::size_t retry_many(const RetryFilter& filter, std::size_t limit, Time now) {
    std::vector<ExecutionId> ids(limit);
    for (ExecutionId& id : ids) id = next_id<ExecutionId>();
    std::size_t count = 0;
    const auto outcome = changes().retry_many(write({}, now), filter, ids, now, [&](std::size_t retried) {
      count = retried;
      return number(retried);
    });
    CHECK(outcome.result == WriteResult::applied);
    return count;
  }
  // The tasks of what is claimed at `now`, in order of the executions' ids.
  std::vector<TaskId> claimed_tasks(Time now) {
    std::vector<TaskId> out;
    for (const Claimed& one : claim(now)) out.push_back(one.task_id);
    return out;
  }
  TaskId task_of(ExecutionId id) { return execution(id).task_id; }

  const RetryFilter failures{
      {ExecutionStatus::failed, ExecutionStatus::timeout, ExecutionStatus::missed}, {}, {}, {}, {}};
};

}  // namespace

TEST_CASE_METHOD(RetryFixture, "a finished execution is run again in a run of its own") {
  for (const auto status : {ExecutionStatus::failed, ExecutionStatus::success, ExecutionStatus::cancelled}) {
    const auto id = ended(at(1s), status);
    const NewExecution run = new_run(at(20s));
    CHECK(changes().retry(write({}, at(20s)), id, run).result == WriteResult::applied);
    reopen();
    CHECK(task(task_of(id)).next_run_at == at(20s));
    const Claimed claimed = claim_one(at(20s));
    CHECK(claimed.id == run.id);
    CHECK(claimed.run_id == run.id);
    CHECK(claimed.task_id == task_of(id));
    CHECK(claimed.attempt == 1);
    CHECK(this->status(id) == status);
    (void)settle(settlement(claimed, ExecutionStatus::success, at(21s)));
  }
}

TEST_CASE_METHOD(RetryFixture, "an execution that has not ended cannot be retried") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  const auto id = stored.execution->id;
  const auto refused = [&] {
    const auto outcome = changes().retry(write({}, at(2s)), id, new_run(at(2s)));
    CHECK(outcome.result == WriteResult::conflict);
    return outcome.execution.value().status;
  };
  CHECK(refused() == ExecutionStatus::pending);
  (void)claim_one(at(2s));
  CHECK(refused() == ExecutionStatus::running);
}

TEST_CASE_METHOD(RetryFixture, "what is not there or is of a deleted task cannot be retried") {
  CHECK(changes().retry(write({}, at(2s)), next_id<ExecutionId>(), new_run(at(2s))).result == WriteResult::not_found);
  const auto id = ended(at(1s), ExecutionStatus::failed);
  (void)tasks().remove(write(task_of(id), at(3s)));
  const auto outcome = changes().retry(write({}, at(4s)), id, new_run(at(4s)));
  CHECK(outcome.result == WriteResult::conflict);
  CHECK(outcome.execution.value().status == ExecutionStatus::failed);
  CHECK(retry_many(failures, 10, at(5s)) == 0);
  TaskWrite foreign = write({}, at(2s));
  foreign.organization_id = other;
  CHECK(changes().retry(foreign, id, new_run(at(2s))).result == WriteResult::not_found);
}

TEST_CASE_METHOD(RetryFixture, "a retried execution takes its place at the end of its line") {
  const auto id = ended(at(1s), ExecutionStatus::failed, "q");
  const NewWork before = once(acme, at(5s), "q");
  insert(before);
  const NewExecution run = new_run(at(6s));
  CHECK(changes().retry(write({}, at(6s)), id, run).result == WriteResult::applied);
  const Claimed first = claim_one(at(7s));
  CHECK(first.id == before.execution->id);
  (void)settle(settlement(first, ExecutionStatus::success, at(8s)));
  CHECK(claim_one(at(8s)).id == run.id);
}

TEST_CASE_METHOD(RetryFixture, "a retry with its key is done once") {
  const auto id = ended(at(1s), ExecutionStatus::failed);
  TaskWrite keyed = write({}, at(3s));
  keyed.idempotency = key_used("k", 'a', at(3s), "first");
  CHECK(changes().retry(keyed, id, new_run(at(3s))).result == WriteResult::applied);
  const auto again = changes().retry(keyed, id, new_run(at(3s)));
  CHECK(again.result == WriteResult::replayed);
  CHECK(again.replay == StoredReply{202, "first"});
  CHECK(claim(at(9s)).size() == 1);

  keyed.idempotency = key_used("many", 'a', at(3s));
  (void)ended(at(4s), ExecutionStatus::failed);
  const std::vector<ExecutionId> ids{next_id<ExecutionId>(), next_id<ExecutionId>()};
  CHECK(changes().retry_many(keyed, failures, ids, at(9s), number).result == WriteResult::applied);
  const auto many = changes().retry_many(keyed, failures, ids, at(9s), number);
  CHECK(many.result == WriteResult::replayed);
  CHECK(many.replay == StoredReply{202, "1"});
  CHECK(claim(at(9s)).size() == 1);
}

TEST_CASE_METHOD(RetryFixture, "a refused retry does not use its key up") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  TaskWrite keyed = write({}, at(3s));
  keyed.idempotency = key_used("k", 'a', at(3s));
  CHECK(changes().retry(keyed, stored.execution->id, new_run(at(3s))).result == WriteResult::conflict);
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(3s)));
}

TEST_CASE_METHOD(RetryFixture,
                 "many are retried the earliest first, as far as the limit goes, and a further call goes on") {
  std::vector<TaskId> expected;
  for (const auto status : {ExecutionStatus::failed, ExecutionStatus::timeout, ExecutionStatus::missed,
                            ExecutionStatus::success, ExecutionStatus::cancelled, ExecutionStatus::failed}) {
    const auto id = ended(at(seconds{10 * static_cast<int>(expected.size()) + 1}), status);
    if (status != ExecutionStatus::success && status != ExecutionStatus::cancelled) expected.push_back(task_of(id));
  }
  REQUIRE(expected.size() == 4);
  CHECK(retry_many(failures, 3, at(200s)) == 3);
  reopen();
  CHECK(claimed_tasks(at(200s)) == std::vector(expected.begin(), expected.begin() + 3));
  CHECK(retry_many(failures, 3, at(201s)) == 1);
  CHECK(claimed_tasks(at(201s)) == std::vector{expected[3]});
  CHECK(retry_many(failures, 3, at(202s)) == 0);
}

TEST_CASE_METHOD(RetryFixture,
                 "of a run that was tried several times only the last attempt is retried, and only if it failed") {
  const auto fail_with_retry = [&](Time due) {
    insert(once(acme, due));
    Settlement item = settlement(claim_one(due), ExecutionStatus::failed, due + 1s);
    item.retry = Retry{next_id<ExecutionId>(), due + 2s};
    REQUIRE(settle(item) == SettleOutcome::settled);
    return due + 2s;
  };
  const Time first = fail_with_retry(at(1s));
  CHECK(retry_many(failures, 10, at(2s)) == 0);  // its next attempt waits
  (void)settle(settlement(claim_one(first), ExecutionStatus::success, first));
  CHECK(retry_many(failures, 10, at(9s)) == 0);
  const Time second = fail_with_retry(at(11s));
  (void)settle(settlement(claim_one(second), ExecutionStatus::failed, second));
  CHECK(retry_many(failures, 10, at(19s)) == 1);
}

TEST_CASE_METHOD(RetryFixture, "an attempt whose retry was not made is the last of its run") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(1s));
  Task disabled = task(id);
  disabled.spec.enabled = false;
  REQUIRE(tasks().update(write(id, at(2s), {&claimed.id, 1}), change_to(disabled)).result == WriteResult::applied);
  Settlement item = settlement(claimed, ExecutionStatus::failed, at(3s));
  item.retry = Retry{next_id<ExecutionId>(), at(4s)};
  REQUIRE(settle(item) == SettleOutcome::settled_without_retry);
  CHECK(retry_many(failures, 10, at(9s)) == 1);
}

TEST_CASE_METHOD(RetryFixture,
                 "one that was retried alone is passed over by a retry of many, but may be retried again alone") {
  const auto id = ended(at(1s), ExecutionStatus::failed);
  for (int i = 0; i < 2; ++i) {
    CHECK(changes().retry(write({}, at(3s)), id, new_run(at(3s))).result == WriteResult::applied);
  }
  CHECK(retry_many(failures, 10, at(4s)) == 0);
}

TEST_CASE_METHOD(RetryFixture, "many are chosen by status, task, queue and due time") {
  const auto failed = ended(at(1s), ExecutionStatus::failed);
  const auto missed = ended(at(11s), ExecutionStatus::missed, "q");
  const auto cancelled = ended(at(21s), ExecutionStatus::cancelled, "q");
  const NewWork foreign = once(other, at(31s));
  insert(foreign);
  (void)settle(settlement(claim_one(at(31s)), ExecutionStatus::failed, at(32s)));
  RetryFilter filter = failures;
  SECTION("by status") {
    filter.statuses = {ExecutionStatus::cancelled};
    CHECK(retry_many(filter, 10, at(90s)) == 1);
    CHECK(claimed_tasks(at(90s)) == std::vector{task_of(cancelled)});
  }
  SECTION("by task") {
    filter.task_id = task_of(failed);
    CHECK(retry_many(filter, 10, at(90s)) == 1);
    CHECK(claimed_tasks(at(90s)) == std::vector{task_of(failed)});
    CHECK(retry_many(filter, 10, at(91s)) == 0);
  }
  SECTION("by task and status") {
    filter.task_id = task_of(cancelled);
    CHECK(retry_many(filter, 10, at(90s)) == 0);
    filter.statuses.push_back(ExecutionStatus::cancelled);
    CHECK(retry_many(filter, 10, at(90s)) == 1);
  }
  SECTION("by queue") {
    filter.queue = "q";
    CHECK(retry_many(filter, 10, at(90s)) == 1);
    CHECK(claimed_tasks(at(90s)) == std::vector{task_of(missed)});
  }
  SECTION("by due time, since included and until not") {
    filter.since = at(1s);
    filter.until = at(11s);
    CHECK(retry_many(filter, 10, at(90s)) == 1);
    CHECK(claimed_tasks(at(90s)) == std::vector{task_of(failed)});
  }
}

TEST_CASE_METHOD(RetryFixture, "many that are retried into one line wait there in their order") {
  std::vector<TaskId> expected;
  for (int i = 0; i < 5; ++i) expected.push_back(task_of(ended(at(seconds{10 * i + 1}), ExecutionStatus::failed, "q")));
  CHECK(retry_many(failures, 10, at(90s)) == 5);
  for (const TaskId id : expected) {
    const Claimed claimed = claim_one(at(91s));
    CHECK(claimed.task_id == id);
    (void)settle(settlement(claimed, ExecutionStatus::success, at(92s)));
  }
}

TEST_CASE_METHOD(RetryFixture, "retries of many at once retry everything once") {
  constexpr std::size_t total = 240;
  std::vector<NewWork> batch;
  for (std::size_t i = 0; i < total; ++i) {
    batch.push_back(
        once(acme, at(1s), i % 3 == 0 ? std::optional<std::string>("q" + std::to_string(i)) : std::nullopt));
  }
  (void)work().insert(node, batch);
  std::vector<Settlement> items;
  for (const Claimed& one : claim(at(2s), total)) items.push_back(settlement(one, ExecutionStatus::failed, at(3s)));
  REQUIRE(items.size() == total);
  (void)work().settle(items);

  std::vector<PluginLibrary::Instance> others;
  std::vector<Storage*> stores{&store()};
  while (site.allows_several_servers() && stores.size() < 3) {
    others.push_back(open_another());
    stores.push_back(others.back().get());
  }
  std::atomic<std::size_t> retried{0};
  std::atomic<int> failures_seen{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int in_vain = 0; in_vain < 3;) {
          std::vector<ExecutionId> ids(20);
          for (ExecutionId& id : ids) id = next_id<ExecutionId>();
          std::size_t count = 0;
          (void)stores[t % stores.size()]->execution_changes().retry_many(write({}, at(9s)), failures, ids, at(9s),
                                                                          [&](std::size_t found) {
                                                                            count = found;
                                                                            return number(found);
                                                                          });
          retried += count;
          if (count == 0) ++in_vain;
        }
      } catch (const std::exception&) {
        ++failures_seen;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures_seen == 0);
  CHECK(retried == total);
  std::set<TaskId> tasks_run;
  for (const Claimed& one : claim(at(10s), 2 * total)) tasks_run.insert(one.task_id);
  CHECK(tasks_run.size() == total);
}
