#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <tuple>

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
  const auto result = work().claim(claim_request(at(5s), at(10s), 100));
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
  const auto result = work().claim(claim_request(at(5s), 0));
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
  const ClaimRequest request = claim_request(at(5s), 10);
  const auto result = work().claim(request);
  REQUIRE(result.claimed.size() == 1);
  const Claimed& claimed = result.claimed[0];
  const TaskSpec& spec = stored.task.spec;
  CHECK(claimed.id == stored.execution->id);
  CHECK(claimed.run_id == stored.execution->run_id);
  CHECK(claimed.task_id == stored.task.id);
  CHECK(claimed.organization_id == acme);
  CHECK(claimed.token == request.token);
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
  CHECK(claimed.callback_url == spec.callback_url);
  CHECK(claimed.on_failure_url == spec.on_failure_url);
  CHECK(claimed.on_recovery_url == spec.on_recovery_url);
  CHECK(claimed.task_name == spec.name);
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
  CHECK_FALSE(work().claim(claim_request(at(5s), 10)).next_due);
  insert(once(acme, at(1s)));
  insert(once(acme, at(20s)));
  insert(once(acme, at(30s)));
  CHECK(work().claim(claim_request(at(5s), 10)).next_due == at(20s));
  CHECK(work().claim(claim_request(at(5s), at(25s), 10)).next_due == at(30s));
  CHECK_FALSE(work().claim(claim_request(at(5s), at(35s), 10)).next_due);
}

TEST_CASE_METHOD(StorageFixture, "the next due time of a full claim is that of the first one left out") {
  insert(once(acme, at(1s)));
  insert(once(acme, at(2s)));
  CHECK(work().claim(claim_request(at(5s), 1)).next_due == at(2s));
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
  const auto result = work().claim(claim_request(at(5s), 10));
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

// ---- Taking turns.

namespace {

struct TurnsFixture : StorageFixture {
  OrganizationId organization(const std::string& name) {
    const auto id = next_id<OrganizationId>();
    store().directory().create_organization({id, name, {"whsec_" + name}, at(2s), std::nullopt});
    return id;
  }
  void backlog(OrganizationId owner, std::size_t size, Time due) {
    std::vector<NewWork> batch;
    for (std::size_t i = 0; i < size; ++i) batch.push_back(once(owner, due));
    (void)work().insert(node, batch);
  }
  void lines(OrganizationId owner, std::size_t count, Time due) {
    std::vector<NewWork> batch;
    for (std::size_t i = 0; i < count; ++i) batch.push_back(once(owner, due, "q" + std::to_string(i)));
    (void)work().insert(node, batch);
  }
  static std::map<OrganizationId, std::size_t> counts_of(const std::vector<Claimed>& claimed) {
    std::map<OrganizationId, std::size_t> out;
    for (const Claimed& one : claimed) ++out[one.organization_id];
    return out;
  }
};

bool in_order(const std::vector<Claimed>& claimed) {
  return std::is_sorted(claimed.begin(), claimed.end(), [](const Claimed& a, const Claimed& b) {
    return std::tie(a.scheduled_for, a.id) < std::tie(b.scheduled_for, b.id);
  });
}

}  // namespace

TEST_CASE_METHOD(TurnsFixture, "a few executions of one organisation do not wait behind the backlog of another") {
  backlog(acme, 500, at(1s));
  backlog(other, 3, at(5s));
  const auto claimed = claim(at(9s), 10);
  CHECK(counts_of(claimed) == std::map<OrganizationId, std::size_t>{{acme, 7}, {other, 3}});
  CHECK(in_order(claimed));
}

TEST_CASE_METHOD(TurnsFixture, "lines take part in the turns of their organisation") {
  backlog(acme, 50, at(1s));
  lines(acme, 50, at(1s));
  lines(other, 3, at(5s));
  const auto claimed = claim(at(9s), 10);
  CHECK(counts_of(claimed) == std::map<OrganizationId, std::size_t>{{acme, 7}, {other, 3}});
  CHECK(in_order(claimed));
}

TEST_CASE_METHOD(TurnsFixture, "organisations with as much to do get as much") {
  const auto third = organization("third");
  backlog(acme, 100, at(1s));
  backlog(other, 100, at(2s));
  backlog(third, 100, at(3s));
  CHECK(counts_of(claim(at(9s), 30)) == std::map<OrganizationId, std::size_t>{{acme, 10}, {other, 10}, {third, 10}});
}

TEST_CASE_METHOD(TurnsFixture, "each organisation's come earliest first") {
  std::vector<ExecutionId> expected;
  for (int i = 0; i < 20; ++i) {
    const NewWork stored = once(acme, at(seconds{i}));
    insert(stored);
    expected.push_back(stored.execution->id);
  }
  backlog(other, 20, at(0s));
  std::vector<ExecutionId> found;
  while (found.size() < expected.size()) {
    const auto claimed = claim(at(99s), 7);
    REQUIRE_FALSE(claimed.empty());
    for (const Claimed& one : claimed) {
      if (one.organization_id == acme) found.push_back(one.id);
    }
  }
  CHECK(found == expected);
}

TEST_CASE_METHOD(TurnsFixture, "a claim brings no more of an organisation than its share") {
  const auto third = organization("third");
  for (const auto owner : {acme, other, third}) backlog(owner, 20, at(1s));
  ClaimRequest request = claim_request(at(9s), 100);
  request.share = 5;
  request.shares = {{other, 2}, {third, 0}};
  const auto claimed = work().claim(request).claimed;
  CHECK(counts_of(claimed) == std::map<OrganizationId, std::size_t>{{acme, 5}, {other, 2}});
  CHECK(in_order(claimed));
}

TEST_CASE_METHOD(TurnsFixture, "what one organisation may not have another gets") {
  backlog(acme, 100, at(1s));
  backlog(other, 100, at(2s));
  ClaimRequest request = claim_request(at(9s), 20);
  request.shares = {{acme, 4}};
  CHECK(counts_of(work().claim(request).claimed) == std::map<OrganizationId, std::size_t>{{acme, 4}, {other, 16}});
}

TEST_CASE_METHOD(TurnsFixture, "free executions and heads of lines count towards one share") {
  backlog(acme, 10, at(1s));
  lines(acme, 10, at(1s));
  ClaimRequest request = claim_request(at(9s), 100);
  request.share = 6;
  CHECK(work().claim(request).claimed.size() == 6);
}

TEST_CASE_METHOD(TurnsFixture, "with more organisations than a claim takes all get their turn") {
  std::set<OrganizationId> waiting;
  for (int i = 0; i < 25; ++i) {
    const auto owner = organization("org" + std::to_string(i));
    backlog(owner, 10, at(1s));
    waiting.insert(owner);
  }
  backlog(acme, 200, at(1s));
  for (int claims = 0; claims < 6; ++claims) {
    const auto claimed = claim(at(9s), 10);
    CHECK(claimed.size() == 10);
    for (const Claimed& one : claimed) waiting.erase(one.organization_id);
  }
  CHECK(waiting.empty());
}

// ---- Caps.

namespace {

struct CapFixture : TurnsFixture {
  void cap(std::optional<int> most) { REQUIRE(store().directory().set_max_concurrent(acme, most)); }
  void succeed(const Claimed& claimed) {
    REQUIRE(settle(settlement(claimed, ExecutionStatus::success, at(10s))) == SettleOutcome::settled);
  }
};

}  // namespace

TEST_CASE_METHOD(CapFixture, "an organisation with a cap never has more running than that") {
  cap(3);
  backlog(acme, 10, at(1s));
  lines(acme, 5, at(1s));
  backlog(other, 4, at(2s));
  const auto first = claim(at(9s));
  CHECK(counts_of(first) == std::map<OrganizationId, std::size_t>{{acme, 3}, {other, 4}});
  CHECK(claim(at(9s)).empty());
  reopen();
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(CapFixture, "every end of an execution makes room for one other") {
  cap(2);
  backlog(acme, 10, at(1s));
  auto running = claim(at(9s));
  REQUIRE(running.size() == 2);
  succeed(running[0]);
  CHECK(claim(at(9s)).size() == 1);
  const ClaimRef given_back{running[1].id, running[1].token};
  work().release({&given_back, 1});
  CHECK(claim(at(9s)).size() == 1);
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(CapFixture, "what a task change revokes makes room, too") {
  cap(1);
  backlog(acme, 2, at(1s));
  const Claimed first = claim_one(at(9s));
  (void)tasks().remove(write(first.task_id, at(9s)));
  CHECK(claim(at(9s)).size() == 1);
}

TEST_CASE_METHOD(CapFixture, "what a dead server was running makes room") {
  cap(2);
  backlog(acme, 5, at(1s));
  CHECK(claim(at(9s)).size() == 2);
  StorageFixture::succeed();
  CHECK(claim(at(9s)).size() == 2);
}

TEST_CASE_METHOD(CapFixture, "a lowered cap leaves alone what is running and holds back what comes") {
  backlog(acme, 10, at(1s));
  const auto running = claim(at(9s), 5);
  REQUIRE(running.size() == 5);
  cap(2);
  CHECK(claim(at(9s)).empty());
  for (int i = 0; i < 3; ++i) succeed(running[static_cast<std::size_t>(i)]);
  CHECK(claim(at(9s)).empty());
  succeed(running[3]);
  CHECK(claim(at(9s)).size() == 1);
}

TEST_CASE_METHOD(CapFixture, "a raised or lifted cap lets the next ones in") {
  cap(1);
  backlog(acme, 10, at(1s));
  CHECK(claim(at(9s)).size() == 1);
  cap(4);
  CHECK(claim(at(9s)).size() == 3);
  cap(std::nullopt);
  CHECK(claim(at(9s)).size() == 6);
}

TEST_CASE_METHOD(CapFixture, "a claim tells which organisations have a cap") {
  cap(5);
  insert(once(acme, at(1s)));
  insert(once(acme, at(2s), "q"));
  insert(once(other, at(3s)));
  const auto claimed = claim(at(9s));
  REQUIRE(claimed.size() == 3);
  CHECK(claimed[0].capped);
  CHECK(claimed[1].capped);
  CHECK_FALSE(claimed[2].capped);
}

TEST_CASE_METHOD(CapFixture, "work of an organisation with a cap is not claimed ahead") {
  cap(1);
  const NewWork stored = once(acme, at(10s));
  const NewWork free = once(other, at(10s));
  insert(stored);
  insert(free);
  const auto ahead = work().claim(claim_request(at(9s), at(11s), 10));
  CHECK(ids_of(ahead.claimed) == std::vector{free.execution->id});
  CHECK(ahead.next_due == at(10s));
  CHECK(claim_one(at(10s)).id == stored.execution->id);
}

TEST_CASE_METHOD(CapFixture, "work inserted with a claim is pending while its organisation has a cap") {
  cap(5);
  NewWork stored = once(acme, at(1s));
  stored.claim = next_token();
  const auto outcomes = work().insert(node, {&stored, 1});
  CHECK(outcomes.at(0).result == WriteResult::applied);
  CHECK_FALSE(outcomes.at(0).claimed);
  CHECK(status(stored.execution->id) == ExecutionStatus::pending);
  CHECK(claim_one(at(9s)).id == stored.execution->id);
}

// ---- Claims under way.

TEST_CASE_METHOD(StorageFixture, "a claim marked as started is settled and released like any other") {
  insert(once(acme, at(1s)));
  insert(once(acme, at(1s)));
  const auto claimed = claim(at(5s));
  REQUIRE(claimed.size() == 2);
  std::vector<StartedClaim> started;
  for (const Claimed& one : claimed) started.push_back({{one.id, one.token}, at(5s)});
  work().mark_started(started);
  work().release({&started[1].claim, 1});
  CHECK(settle(settlement(claimed[0], ExecutionStatus::success, at(6s))) == SettleOutcome::settled);
  CHECK(claim_one(at(6s)).id == claimed[1].id);
}

TEST_CASE_METHOD(StorageFixture, "marking what is no longer claimed as started is ignored") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed first = claim_one(at(5s));
  const StartedClaim stale{{first.id, first.token}, at(5s)};
  work().release({&stale.claim, 1});
  const StartedClaim unknown{{next_id<ExecutionId>(), first.token}, at(5s)};
  for (const auto& mark : {stale, unknown}) work().mark_started({&mark, 1});
  CHECK(status(first.id) == ExecutionStatus::pending);
  const Claimed second = claim_one(at(6s));
  work().mark_started({&stale, 1});
  // Not under way: a change takes it back.
  const auto outcome = tasks().remove(write(id, at(7s)));
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked == std::vector{ClaimRef{second.id, second.token}});
}
