// Many tasks at once: all of them or none.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "punctual/task_groups.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct GroupFixture : StorageFixture {
  GroupOutcome insert_group(const std::vector<NewWork>& items,
                            const std::optional<IdempotencyRecord>& idempotency = std::nullopt) {
    return store().groups().insert(node, items, idempotency);
  }
  std::vector<NewWork> group(std::size_t size, const std::optional<std::string>& queue = std::nullopt) const {
    std::vector<NewWork> items;
    for (std::size_t i = 0; i < size; ++i) items.push_back(once(acme, at(1s), queue));
    return items;
  }
  // Whether nothing of the group is there.
  bool is_absent(const std::vector<NewWork>& items) {
    return std::none_of(items.begin(), items.end(), [&](const NewWork& work) {
      return tasks().find(acme, work.task.id) || tasks().find_execution(acme, work.execution->id);
    });
  }
};

std::vector<ExecutionId> executions_of(const std::vector<NewWork>& items) {
  std::vector<ExecutionId> ids;
  for (const NewWork& work : items) ids.push_back(work.execution->id);
  return ids;
}

}  // namespace

TEST_CASE_METHOD(GroupFixture, "a group of a thousand is stored whole") {
  const auto items = group(1000);
  const auto outcome = insert_group(items);
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.claimed == std::vector<bool>(1000, false));
  reopen();
  CHECK(ids_of(claim(at(1s), 2000)) == executions_of(items));
  CHECK(task(items[999].task.id).spec == items[999].task.spec);
}

TEST_CASE_METHOD(GroupFixture, "a group may have cron tasks in it") {
  std::vector<NewWork> items{once(acme, at(1s)), cron(acme, at(60s)), once(acme, at(1s))};
  CHECK(insert_group(items).result == WriteResult::applied);
  CHECK(task(items[1].task.id).spec.cron_expression == "* * * * *");
  CHECK(claim(at(1s)).size() == 2);
}

TEST_CASE_METHOD(GroupFixture, "the items of a group stand in their queue in their order") {
  const auto items = group(20, "q");
  CHECK(insert_group(items).result == WriteResult::applied);
  std::vector<ExecutionId> order;
  while (order.size() < items.size()) {
    const Claimed head = claim_one(at(9s));
    order.push_back(head.id);
    REQUIRE(settle(settlement(head, ExecutionStatus::success, at(9s))) == SettleOutcome::settled);
  }
  CHECK(order == executions_of(items));
}

TEST_CASE_METHOD(GroupFixture, "one item that cannot be stored refuses the whole group") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  auto items = group(9, "q");
  items[4].execution->id = stored.execution->id;
  const auto outcome = insert_group(items, key_used("k", 'a', at(0s)));
  CHECK(outcome.result == WriteResult::conflict);
  items.erase(items.begin() + 4);
  CHECK(is_absent(items));
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(1s)));
  CHECK(ids_of(claim(at(9s))) == std::vector{stored.execution->id});
}

TEST_CASE_METHOD(GroupFixture, "a group of an organisation that is not there is refused") {
  std::vector<NewWork> items;
  for (int i = 0; i < 3; ++i) items.push_back(once(next_id<OrganizationId>(), at(1s)));
  for (auto& item : items) item.task.organization_id = items[0].task.organization_id;
  CHECK(insert_group(items, key_used("k", 'a', at(0s))).result == WriteResult::conflict);
  CHECK(claim(at(9s)).empty());
}

TEST_CASE_METHOD(GroupFixture, "a key is for the whole group") {
  const auto first = group(3);
  CHECK(insert_group(first, key_used("k", 'a', at(0s), "first")).result == WriteResult::applied);
  reopen();
  const auto again = group(3);
  const auto repeated = insert_group(again, key_used("k", 'a', at(10s), "second"));
  CHECK(repeated.result == WriteResult::replayed);
  CHECK(repeated.replay == StoredReply{202, "first"});
  CHECK(is_absent(again));
  const auto reused = insert_group(again, key_used("k", 'b', at(10s), "third"));
  CHECK(reused.result == WriteResult::key_reused);
  CHECK(is_absent(again));
  CHECK(tasks().find_reply(acme, "k", digest_of('a'), at(10s)) == StoredReply{202, "first"});
}

TEST_CASE_METHOD(GroupFixture, "a key that a single task used is used, too") {
  NewWork single = once(acme, at(1s));
  single.idempotency = key_used("k", 'a', at(0s), "single");
  insert(single);
  CHECK(insert_group(group(2), key_used("k", 'a', at(1s))).replay == StoredReply{202, "single"});
  NewWork later = once(acme, at(1s));
  CHECK(insert_group({later}, key_used("group", 'b', at(1s), "group")).result == WriteResult::applied);
  NewWork single_again = once(acme, at(1s));
  single_again.idempotency = key_used("group", 'b', at(2s));
  CHECK(work().insert(node, {&single_again, 1})[0].replay == StoredReply{202, "group"});
}

TEST_CASE_METHOD(GroupFixture, "a group sent again is applied and changes nothing") {
  auto items = group(3);
  items[0].claim = next_token();
  items[2].claim = next_token();
  const auto record = GENERATE(as<std::optional<IdempotencyRecord>>{}, std::nullopt, key_used("k", 'a', at(0s)));
  CHECK(insert_group(items, record).result == WriteResult::applied);
  const auto again = insert_group(items, record);
  CHECK(again.result == WriteResult::applied);
  CHECK(again.claimed == std::vector<bool>{true, false, true});
  CHECK(ids_of(claim(at(9s))) == std::vector{items[1].execution->id});
}

TEST_CASE_METHOD(GroupFixture, "what of a group has a claim is running, but for queued and capped work") {
  auto items = group(3);
  items[1].task.spec.queue = "q";
  for (auto& item : items) item.claim = next_token();
  CHECK(insert_group(items).claimed == std::vector<bool>{true, false, true});
  CHECK(status(items[0].execution->id) == ExecutionStatus::running);
  CHECK(status(items[1].execution->id) == ExecutionStatus::pending);
  CHECK(store().leases().held(node).size() == 2);
  CHECK(store().directory().set_max_concurrent(acme, 5));
  auto capped = group(2);
  for (auto& item : capped) item.claim = next_token();
  CHECK(insert_group(capped).claimed == std::vector<bool>{false, false});
}

TEST_CASE_METHOD(GroupFixture, "of many groups with one key at once one is stored") {
  constexpr int threads = 12;
  const auto second = open_another();
  std::vector<std::vector<NewWork>> groups;
  for (int i = 0; i < threads; ++i) groups.push_back(group(40, "q"));
  std::atomic<int> applied{0};
  std::atomic<int> replayed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&, i] {
      Storage& through = i % 2 == 0 ? store() : *second;
      const auto outcome =
          through.groups().insert(node, groups[static_cast<std::size_t>(i)], key_used("k", 'a', at(0s), "reply"));
      applied += outcome.result == WriteResult::applied;
      replayed += outcome.result == WriteResult::replayed && outcome.replay == StoredReply{202, "reply"};
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(applied == 1);
  CHECK(replayed == threads - 1);
  TaskQuery all;
  all.organization_id = acme;
  all.limit = 1000;
  CHECK(tasks().list(all).items.size() == 40);
}

TEST_CASE_METHOD(GroupFixture, "groups that come to one queue at once each keep their order, and none is torn") {
  constexpr int threads = 6;
  const auto second = open_another();
  std::vector<std::vector<NewWork>> groups;
  for (int i = 0; i < threads; ++i) groups.push_back(group(15, "q"));
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    TaskQuery all;
    all.organization_id = acme;
    all.limit = 1000;
    while (!done) wrong += static_cast<int>(tasks().list(all).items.size() % 15);
  });
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&, i] {
      Storage& through = i % 2 == 0 ? store() : *second;
      const auto outcome = through.groups().insert(node, groups[static_cast<std::size_t>(i)], std::nullopt);
      wrong += outcome.result != WriteResult::applied;
    });
  }
  for (auto& caller : callers) caller.join();
  done = true;
  reader.join();
  CHECK(wrong == 0);
  std::map<ExecutionId, std::size_t> place;
  while (place.size() < threads * 15) {
    const Claimed head = claim_one(at(9s));
    place.emplace(head.id, place.size());
    REQUIRE(settle(settlement(head, ExecutionStatus::success, at(9s))) == SettleOutcome::settled);
  }
  for (const auto& items : groups) {
    std::vector<std::size_t> places;
    for (const ExecutionId id : executions_of(items)) places.push_back(place.at(id));
    CHECK(std::is_sorted(places.begin(), places.end()));
  }
}
