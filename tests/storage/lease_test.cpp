#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include "punctual/errors.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using Catch::Matchers::Contains;

TEST_CASE_METHOD(StorageFixture, "where one server is allowed a second one is refused with the name of the first",
                 "[one-server]") {
  const auto second = open_another();
  const NodeInfo info{next_id<NodeId>(), "elsewhere", 4711, at(0s)};
  CHECK_THROWS_AS(second->leases().acquire(info), Conflict);
  CHECK_THROWS_WITH(second->leases().acquire(info),
                    Contains("process " + std::to_string(::getpid())) && Contains("test-host"));
}

TEST_CASE_METHOD(StorageFixture, "a lease that was ended can be taken by another") {
  const auto second = open_another();
  store().leases().end(node);
  CHECK_NOTHROW(second->leases().acquire({next_id<NodeId>(), "elsewhere", 4711, at(0s)}));
}

TEST_CASE_METHOD(StorageFixture, "where several servers are allowed each has its lease", "[several-servers]") {
  const auto second = open_another();
  const NodeInfo info{next_id<NodeId>(), "elsewhere", 4711, at(0s)};
  const auto report = second->leases().acquire(info);
  CHECK(report.executions == 0);
  CHECK(report.nodes == 0);
  CHECK(second->leases().heartbeat(info.id, at(1s)));
  CHECK(store().leases().heartbeat(node, at(1s)));
}

TEST_CASE_METHOD(StorageFixture, "a server that beats is left alone while a silent one is rescued from",
                 "[several-servers]") {
  insert(once(acme, at(1s)));
  const Claimed kept = claim_one(at(2s));
  const NodeId alive = node;
  const auto silent = open_another();
  const NodeInfo info{next_id<NodeId>(), "elsewhere", 4711, at(0s)};
  (void)silent->leases().acquire(info);
  insert(once(acme, at(1s)));
  ClaimRequest request = claim_request(at(2s), 10);
  request.node = info.id;
  const auto lost = silent->work().claim(request).claimed;
  REQUIRE(lost.size() == 1);
  const auto third = open_another();
  const auto self = next_id<NodeId>();
  (void)third->leases().acquire({self, "third", 4712, at(0s)});
  CHECK(third->leases().rescue(self, MonotonicTime{100s}, 10s).executions == 0);
  CHECK(store().leases().heartbeat(alive, at(105s)));
  const auto report = third->leases().rescue(self, MonotonicTime{111s}, 10s);
  CHECK(report.executions == 1);
  CHECK(report.nodes == 1);
  CHECK(status(kept.id) == ExecutionStatus::running);
  CHECK(status(lost[0].id) == ExecutionStatus::pending);
  CHECK_FALSE(silent->leases().heartbeat(info.id, at(112s)));
  CHECK(store().leases().heartbeat(alive, at(112s)));
}

TEST_CASE_METHOD(StorageFixture, "a lease ends with its store") {
  close();
  const auto second = open_another();
  CHECK_NOTHROW(second->leases().acquire({next_id<NodeId>(), "elsewhere", 4711, at(0s)}));
}

TEST_CASE_METHOD(StorageFixture, "a heartbeat keeps the lease") {
  CHECK(store().leases().heartbeat(node, at(1s)));
  CHECK(store().leases().heartbeat(node, at(2s)));
}

TEST_CASE_METHOD(StorageFixture, "a successor returns what a dead server had claimed") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  const Claimed lost = claim_one(at(2s));
  const auto report = succeed();
  CHECK(report.executions == 1);
  CHECK(report.nodes == 1);
  const Claimed again = claim_one(at(2s));
  CHECK(again.id == lost.id);
  CHECK(again.attempt == 1);
  CHECK(again.scheduled_for == at(1s));
  CHECK(again.rescues == 1);
  CHECK(settle(settlement(lost, ExecutionStatus::success, at(3s))) == SettleOutcome::stale);
  CHECK(settle(settlement(again, ExecutionStatus::success, at(3s))) == SettleOutcome::settled);
}

TEST_CASE_METHOD(StorageFixture, "every rescue of an attempt is counted, a retry begins anew") {
  insert(once(acme, at(1s)));
  for (int rescues = 0; rescues < 3; ++rescues) {
    CHECK(claim_one(at(2s)).rescues == rescues);
    succeed();
  }
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s));
  item.retry = Retry{next_id<ExecutionId>(), at(4s)};
  (void)settle(item);
  CHECK(claim_one(at(4s)).rescues == 0);
  succeed();
  const Claimed retry = claim_one(at(4s));
  CHECK(retry.attempt == 2);
  CHECK(retry.rescues == 1);
}

TEST_CASE_METHOD(StorageFixture, "a rescued head of a queue is the head again") {
  insert(once(acme, at(5s), "q"));
  const Claimed head = claim_one(at(6s));
  insert(once(acme, at(1s), "q"));
  succeed();
  CHECK(claim_one(at(6s)).id == head.id);
}

TEST_CASE_METHOD(StorageFixture, "a rescued execution of a task deleted meanwhile is cancelled") {
  const TaskId id = insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  (void)tasks().remove(write(id, at(3s), {&claimed.id, 1}));
  succeed();
  CHECK(status(claimed.id) == ExecutionStatus::cancelled);
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(StorageFixture, "held names the claims of a lease and no others") {
  insert(once(acme, at(1s)));
  insert(once(acme, at(1s)));
  insert(once(acme, at(90s)));
  const auto claimed = claim(at(2s));
  REQUIRE(claimed.size() == 2);
  auto held = store().leases().held(node);
  std::sort(held.begin(), held.end());
  CHECK(held == std::vector<ClaimRef>{{claimed[0].id, claimed[0].token}, {claimed[1].id, claimed[1].token}});
  CHECK(store().leases().held(next_id<NodeId>()).empty());
  (void)settle(settlement(claimed[0], ExecutionStatus::success, at(3s)));
  CHECK(store().leases().held(node) == std::vector<ClaimRef>{{claimed[1].id, claimed[1].token}});
}

TEST_CASE_METHOD(StorageFixture, "a rescue finds nothing while every server is alive") {
  insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  CHECK(store().leases().heartbeat(node, at(100s)));
  const auto report = store().leases().rescue(node, MonotonicTime{101s}, 10s);
  CHECK(report.executions == 0);
  CHECK(report.nodes == 0);
  CHECK(status(claimed.id) == ExecutionStatus::running);
}

TEST_CASE_METHOD(StorageFixture, "the list of servers names who has a lease and how much it has claimed") {
  insert(once(acme, at(1s)));
  insert(once(acme, at(1s)));
  insert(once(acme, at(90s)));
  REQUIRE(claim(at(2s)).size() == 2);
  const auto cli = open_another();
  for (Storage* asked : {&store(), cli.get()}) {
    const auto servers = asked->leases().list();
    REQUIRE(servers.size() == 1);
    CHECK(servers[0].node.id == node);
    CHECK(servers[0].node.host == "test-host");
    CHECK(servers[0].node.pid == ::getpid());
    CHECK(servers[0].node.at == at(0s));
    CHECK(servers[0].silent < 60s);
    CHECK(servers[0].claims == 2);
  }
}

TEST_CASE_METHOD(StorageFixture, "the list of servers follows a lease to its successor") {
  succeed();
  const auto servers = store().leases().list();
  REQUIRE(servers.size() == 1);
  CHECK(servers[0].node.id == node);
}

TEST_CASE_METHOD(StorageFixture, "where nobody has a lease the list of servers is empty") {
  store().leases().end(node);
  CHECK(store().leases().list().empty());
  CHECK(open_another()->leases().list().empty());
}

TEST_CASE("the claims of a server that was killed are returned to its successor") {
  StorageSite site;
  const auto organization = next_id<OrganizationId>();
  const NewWork stored = once(organization, at(1s));
  const auto lost = next_id<NodeId>();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      auto store = site.open();
      prepare(*store);
      store->directory().create_organization({organization, "acme", {"whsec_x"}, at(0s), std::nullopt});
      (void)store->leases().acquire({lost, "test-host", ::getpid(), at(0s)});
      (void)store->work().insert(lost, {&stored, 1});
      const auto claimed = store->work().claim({lost, next_token(), at(2s), at(2s), 10, 10, {}}).claimed;
      // No destructor runs: nothing is handed back.
      ::_exit(claimed.size() == 1 ? 0 : 1);
    } catch (...) {
      ::_exit(2);
    }
  }
  int ended = 0;
  REQUIRE(::waitpid(child, &ended, 0) == child);
  REQUIRE(ended == 0);
  auto store = site.open();
  store->maintenance().migrate();
  const auto node = next_id<NodeId>();
  const auto report = take_over(*store, site, node);
  CHECK(report.executions == 1);
  CHECK(report.nodes == 1);
  const auto claimed = store->work().claim({node, next_token(), at(4s), at(4s), 10, 10, {}}).claimed;
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].id == stored.execution->id);
  CHECK(claimed[0].rescues == 1);
}
