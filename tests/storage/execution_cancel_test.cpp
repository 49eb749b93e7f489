// Cancelling single executions.
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "punctual/execution_changes.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

StoredReply status_name(const Execution& execution) { return {202, std::string(name_of(execution.status))}; }

struct CancelFixture : StorageFixture {
  ExecutionChanges& changes() { return store().execution_changes(); }

  ExecutionWriteOutcome cancel(ExecutionId id, Time now, std::span<const ExecutionId> sending = {}) {
    return changes().cancel(write({}, now, sending), id, ForeignClaim::ask, status_name);
  }
  ExecutionId inserted(Time due, std::optional<std::string> queue = std::nullopt) {
    const NewWork stored = once(acme, due, std::move(queue));
    insert(stored);
    return stored.execution->id;
  }
  // Claimed, under way and cancelled.
  Claimed cancelled_while_sent(Time now, std::optional<std::string> queue = std::nullopt) {
    (void)inserted(now, std::move(queue));
    const Claimed claimed = claim_one(now);
    REQUIRE(cancel(claimed.id, now + 1s, {&claimed.id, 1}).result == WriteResult::applied);
    return claimed;
  }
};

}  // namespace

TEST_CASE_METHOD(CancelFixture, "a pending execution is cancelled at once and its task has no next run") {
  const NewWork stored = once(acme, at(60s));
  const TaskId id = insert(stored);
  const auto outcome = cancel(stored.execution->id, at(5s));
  CHECK(outcome.result == WriteResult::applied);
  REQUIRE(outcome.execution);
  CHECK(outcome.execution->status == ExecutionStatus::cancelled);
  CHECK(outcome.revoked.empty());
  reopen();
  const Execution found = execution(stored.execution->id);
  CHECK(found.status == ExecutionStatus::cancelled);
  CHECK(found.finished_at == at(5s));
  CHECK_FALSE(found.started_at);
  CHECK_FALSE(task(id).next_run_at);
  CHECK(task(id).last_execution_status == ExecutionStatus::cancelled);
  CHECK(task(id).last_execution_at == at(5s));
  CHECK(claim(at(99s)).empty());
}

TEST_CASE_METHOD(CancelFixture, "a cancelled run of several leaves the next one to its task") {
  const TaskId id = insert(once(acme, at(60s)));
  const auto run = next_id<ExecutionId>();
  (void)tasks().add_run(write(id, at(1s)), {run, run, 1, at(20s)});
  CHECK(cancel(run, at(2s)).result == WriteResult::applied);
  CHECK(task(id).next_run_at == at(60s));
}

TEST_CASE_METHOD(CancelFixture, "a cancelled run of a cron task leaves its schedule alone") {
  const TaskId id = insert(cron(acme, at(900s)));
  const auto run = next_id<ExecutionId>();
  (void)tasks().add_run(write(id, at(1s)), {run, run, 1, at(20s)});
  CHECK(cancel(run, at(2s)).result == WriteResult::applied);
  CHECK(task(id).next_run_at == at(900s));
}

TEST_CASE_METHOD(CancelFixture, "an execution that is claimed and not sent is cancelled at once, its claim void") {
  const auto id = inserted(at(1s));
  const Claimed claimed = claim_one(at(2s));
  const auto outcome = cancel(id, at(3s));
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.execution->status == ExecutionStatus::cancelled);
  CHECK(outcome.revoked == std::vector{ClaimRef{claimed.id, claimed.token}});
  CHECK(settle(settlement(claimed, ExecutionStatus::success, at(4s))) == SettleOutcome::stale);
  CHECK(status(id) == ExecutionStatus::cancelled);
}

TEST_CASE_METHOD(CancelFixture, "an execution that is being sent runs on with a mark, and ends as cancelled") {
  const auto id = inserted(at(1s));
  const Claimed claimed = claim_one(at(2s));
  const auto outcome = cancel(id, at(3s), {&id, 1});
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.execution->status == ExecutionStatus::running);
  CHECK(outcome.revoked.empty());
  CHECK(status(id) == ExecutionStatus::running);
  CHECK(changes().cancelled_claims(node) == std::vector{id});
  reopen();
  Settlement item = settlement(claimed, ExecutionStatus::cancelled, at(4s));
  CHECK(settle(item) == SettleOutcome::settled);
  CHECK(status(id) == ExecutionStatus::cancelled);
  CHECK(execution(id).started_at == item.started_at);
  CHECK(task(claimed.task_id).last_execution_status == ExecutionStatus::cancelled);
  CHECK_FALSE(task(claimed.task_id).next_run_at);
  CHECK(changes().cancelled_claims(node).empty());
}

TEST_CASE_METHOD(CancelFixture, "what was cancelled while it was sent ends so whatever comes back, and has no retry") {
  const Claimed failed = cancelled_while_sent(at(1s));
  Settlement item = settlement(failed, ExecutionStatus::failed, at(4s));
  item.status_code = 503;
  item.error_message = "HTTP 503";
  item.retry = Retry{next_id<ExecutionId>(), at(5s)};
  CHECK(settle(item) == SettleOutcome::cancelled);
  CHECK(status(failed.id) == ExecutionStatus::cancelled);
  CHECK(execution(failed.id).status_code == 503);
  CHECK_FALSE(tasks().find_execution(acme, item.retry->id));
  CHECK(task(failed.task_id).last_execution_status == ExecutionStatus::cancelled);

  const Claimed succeeded = cancelled_while_sent(at(10s));
  CHECK(settle(settlement(succeeded, ExecutionStatus::success, at(14s))) == SettleOutcome::cancelled);
  CHECK(status(succeeded.id) == ExecutionStatus::cancelled);
}

TEST_CASE_METHOD(CancelFixture, "among results that are stored together only the cancelled one is changed") {
  const Claimed cancelled = cancelled_while_sent(at(1s));
  inserted(at(1s));
  const Claimed other_one = claim_one(at(2s));
  std::vector<Settlement> batch{settlement(other_one, ExecutionStatus::failed, at(4s)),
                                settlement(cancelled, ExecutionStatus::failed, at(4s))};
  for (Settlement& item : batch) item.retry = Retry{next_id<ExecutionId>(), at(9s)};
  CHECK(work().settle(batch) == std::vector{SettleOutcome::settled, SettleOutcome::cancelled});
  CHECK(status(other_one.id) == ExecutionStatus::failed);
  CHECK(status(batch[0].retry->id) == ExecutionStatus::pending);
  CHECK_FALSE(tasks().find_execution(acme, batch[1].retry->id));
}

TEST_CASE_METHOD(CancelFixture, "what was cancelled while it was sent is not pending again when it is released") {
  const Claimed claimed = cancelled_while_sent(at(1s));
  const ClaimRef held{claimed.id, claimed.token};
  work().release({&held, 1});
  CHECK(status(claimed.id) == ExecutionStatus::cancelled);
  CHECK(task(claimed.task_id).last_execution_status == ExecutionStatus::cancelled);
  CHECK_FALSE(task(claimed.task_id).next_run_at);
  CHECK(claim(at(99s)).empty());
}

TEST_CASE_METHOD(CancelFixture, "what a dead server was sending when it was cancelled is cancelled by the rescue") {
  const Claimed claimed = cancelled_while_sent(at(1s), "q");
  const auto next = inserted(at(2s), "q");
  CHECK(succeed().executions == 1);
  CHECK(status(claimed.id) == ExecutionStatus::cancelled);
  CHECK(execution(claimed.id).finished_at == at(2s));
  CHECK(task(claimed.task_id).last_execution_status == ExecutionStatus::cancelled);
  CHECK(claim_one(at(200s)).id == next);
}

TEST_CASE_METHOD(CancelFixture, "an execution that has ended cannot be cancelled") {
  const auto id = inserted(at(1s));
  (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s)));
  const auto outcome = cancel(id, at(4s));
  CHECK(outcome.result == WriteResult::conflict);
  REQUIRE(outcome.execution);
  CHECK(outcome.execution->status == ExecutionStatus::success);
  CHECK(status(id) == ExecutionStatus::success);
  const auto pending = inserted(at(50s));
  CHECK(cancel(pending, at(5s)).result == WriteResult::applied);
  CHECK(cancel(pending, at(6s)).result == WriteResult::conflict);
}

TEST_CASE_METHOD(CancelFixture, "only an organisation's own executions can be cancelled") {
  const NewWork stored = once(other, at(9s));
  insert(stored);
  CHECK(cancel(stored.execution->id, at(1s)).result == WriteResult::not_found);
  CHECK(cancel(next_id<ExecutionId>(), at(1s)).result == WriteResult::not_found);
  CHECK(claim_one(at(9s)).id == stored.execution->id);
}

TEST_CASE_METHOD(CancelFixture, "a line goes on when its head is cancelled, pending or being sent") {
  const auto first = inserted(at(1s), "q");
  const auto second = inserted(at(2s), "q");
  const auto third = inserted(at(3s), "q");
  CHECK(cancel(first, at(4s)).result == WriteResult::applied);
  const Claimed claimed = claim_one(at(5s));
  CHECK(claimed.id == second);
  CHECK(cancel(second, at(6s), {&second, 1}).result == WriteResult::applied);
  CHECK(claim(at(6s)).empty());
  CHECK(settle(settlement(claimed, ExecutionStatus::cancelled, at(7s))) == SettleOutcome::settled);
  CHECK(claim_one(at(8s)).id == third);
}

TEST_CASE_METHOD(CancelFixture, "a line goes on when a retry that waits at its head is cancelled") {
  inserted(at(1s), "q");
  const auto next = inserted(at(2s), "q");
  Settlement item = settlement(claim_one(at(3s)), ExecutionStatus::failed, at(4s));
  item.retry = Retry{next_id<ExecutionId>(), at(500s)};
  (void)settle(item);
  CHECK(claim(at(5s)).empty());
  CHECK(cancel(item.retry->id, at(6s)).result == WriteResult::applied);
  CHECK(claim_one(at(7s)).id == next);
}

TEST_CASE_METHOD(CancelFixture, "a cap has room again when what ran under it is cancelled") {
  REQUIRE(store().directory().set_max_concurrent(acme, 1));
  const auto first = inserted(at(1s));
  const auto second = inserted(at(2s));
  const auto third = inserted(at(3s));
  const auto fourth = inserted(at(4s));
  CHECK(claim_one(at(9s)).id == first);
  CHECK(cancel(first, at(9s)).result == WriteResult::applied);  // claimed, not sent
  const Claimed sent = claim_one(at(9s));
  CHECK(sent.id == second);
  CHECK(cancel(second, at(9s), {&second, 1}).result == WriteResult::applied);
  CHECK(claim(at(9s)).empty());
  CHECK(settle(settlement(sent, ExecutionStatus::cancelled, at(10s))) == SettleOutcome::settled);
  const Claimed lost = claim_one(at(11s));
  CHECK(lost.id == third);
  CHECK(cancel(third, at(11s), {&third, 1}).result == WriteResult::applied);
  const ClaimRef held{lost.id, lost.token};
  work().release({&held, 1});
  CHECK(claim_one(at(12s)).id == fourth);
}

TEST_CASE_METHOD(CancelFixture, "a cancellation with its key is done once and answered again") {
  const auto id = inserted(at(60s));
  TaskWrite keyed = write({}, at(1s));
  keyed.idempotency = key_used("k", 'a', at(1s));
  const auto first = changes().cancel(keyed, id, ForeignClaim::ask, status_name);
  CHECK(first.result == WriteResult::applied);
  const auto again = changes().cancel(keyed, id, ForeignClaim::ask, status_name);
  CHECK(again.result == WriteResult::replayed);
  CHECK(again.replay == StoredReply{202, "cancelled"});
  keyed.idempotency->request = digest_of('b');
  CHECK(changes().cancel(keyed, id, ForeignClaim::ask, status_name).result == WriteResult::key_reused);
}

TEST_CASE_METHOD(CancelFixture, "a refused cancellation does not use its key up") {
  const auto id = inserted(at(1s));
  const Claimed claimed = claim_one(at(1s));
  (void)settle(settlement(claimed, ExecutionStatus::success, at(2s)));
  TaskWrite keyed = write({}, at(3s));
  keyed.idempotency = key_used("k", 'a', at(3s));
  CHECK(changes().cancel(keyed, id, ForeignClaim::ask, status_name).result == WriteResult::conflict);
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(3s)));
}

TEST_CASE_METHOD(CancelFixture, "a claim of another server is asked for, or marked", "[several-servers]") {
  const auto second = open_another();
  const auto elsewhere = next_id<NodeId>();
  (void)second->leases().acquire({elsewhere, "elsewhere", 4711, at(0s)});
  const auto id = inserted(at(1s));
  ClaimRequest request = claim_request(at(2s), 10);
  request.node = elsewhere;
  const auto claimed = second->work().claim(request).claimed;
  REQUIRE(claimed.size() == 1);
  CHECK(cancel(id, at(3s)).result == WriteResult::held_elsewhere);
  CHECK(second->execution_changes().cancelled_claims(elsewhere).empty());
  SECTION("one that was marked as started is under way") {
    const StartedClaim started{{id, claimed[0].token}, at(2s)};
    second->work().mark_started({&started, 1});
    const auto outcome = cancel(id, at(4s));
    CHECK(outcome.result == WriteResult::applied);
    CHECK(outcome.execution->status == ExecutionStatus::running);
    CHECK(outcome.execution->started_at == at(2s));
  }
  SECTION("one of a server that does not answer") {
    const auto outcome = changes().cancel(write({}, at(4s)), id, ForeignClaim::mark, status_name);
    CHECK(outcome.result == WriteResult::applied);
    CHECK(outcome.execution->status == ExecutionStatus::running);
  }
  CHECK(second->execution_changes().cancelled_claims(elsewhere) == std::vector{id});
  const Settlement end = settlement(claimed[0], ExecutionStatus::success, at(5s));
  CHECK(second->work().settle({&end, 1})[0] == SettleOutcome::cancelled);
  CHECK(status(id) == ExecutionStatus::cancelled);
}

TEST_CASE_METHOD(CancelFixture,
                 "cancellations beside claims and results: each execution ends once, in the way it was told") {
  constexpr int total = 400;
  std::vector<PluginLibrary::Instance> instances;
  std::vector<std::pair<Storage*, NodeId>> servers{{&store(), node}};
  if (site.allows_several_servers()) {
    instances.push_back(open_another());
    servers.emplace_back(instances.back().get(), next_id<NodeId>());
    (void)servers.back().first->leases().acquire({servers.back().second, "another-host", 1, at(0s)});
  }
  std::vector<ExecutionId> ids;
  for (int i = 0; i < total; ++i)
    ids.push_back(inserted(at(1s), i % 4 == 0 ? std::optional<std::string>("q") : std::nullopt));
  std::atomic<int> ended{0};  // cancelled at once, or settled
  std::atomic<int> stale{0};  // settled, but the claim had been revoked
  std::atomic<int> wrong{0};
  std::atomic<int> marked{0};
  std::atomic<int> told{0};  // settled as cancelled
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      auto& [storage, self] = servers[static_cast<std::size_t>(t) % servers.size()];
      try {
        if (t < 3) {
          // Every third is cancelled; a claim of this server counts as sent when its number is even.
          for (std::size_t i = static_cast<std::size_t>(t); i < ids.size(); i += 3) {
            if (i % 3 != 0) continue;
            const bool sent = i % 2 == 0;
            const TaskWrite change{acme,
                                   {},
                                   self,
                                   at(2s),
                                   sent ? std::span<const ExecutionId>(&ids[i], 1) : std::span<const ExecutionId>(),
                                   std::nullopt};
            const auto outcome = storage->execution_changes().cancel(change, ids[i], ForeignClaim::mark, status_name);
            if (outcome.result == WriteResult::conflict) continue;
            if (outcome.result != WriteResult::applied) ++wrong;
            const bool at_once = outcome.execution && outcome.execution->status == ExecutionStatus::cancelled;
            ++(at_once ? ended : marked);
          }
          return;
        }
        while (ended < total && wrong == 0) {
          const ClaimRequest request{self, next_token(), at(9s), at(9s), 5, 5, {}};
          const auto claimed = storage->work().claim(request).claimed;
          if (claimed.empty()) std::this_thread::yield();
          for (const Claimed& one : claimed) {
            const Settlement item = settlement(one, ExecutionStatus::success, at(9s));
            const auto outcome = storage->work().settle({&item, 1})[0];
            if (outcome == SettleOutcome::stale) {
              ++stale;
              continue;
            }
            if (outcome == SettleOutcome::cancelled) ++told;
            ++ended;
          }
        }
      } catch (const std::exception&) {
        ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(ended == total);
  CHECK(told == marked);
  ExecutionQuery query{acme, at(9s), total};
  for (const Execution& one : tasks().list_executions(query).items) CHECK(one.finished_at);
}
