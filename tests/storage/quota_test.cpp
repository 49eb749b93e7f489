// Monthly quotas. Catch's assertions are for one thread, so threads count and the case asserts at the end.
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "punctual/execution_changes.hpp"
#include "punctual/task_groups.hpp"
#include "quota_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE_METHOD(QuotaFixture, "without a quota nothing is counted and nothing refused") {
  for (int i = 0; i < 20; ++i) CHECK(offer(once(acme, at(1s))) == applied);
  CHECK_FALSE(store().quotas().find(acme, at(1s)));
}

TEST_CASE_METHOD(QuotaFixture, "a quota is used up by stored work, and what is beyond it is not there") {
  quota(2);
  CHECK(offer(once(acme, at(1s))) == applied);
  CHECK(offer(once(acme, at(9s))) == applied);
  const NewWork refused = once(acme, at(1s));
  CHECK(offer(refused) == exceeded);
  reopen();
  CHECK(used(at(1s)) == 2);
  CHECK(store().quotas().find(acme, at(1s))->most == 2);
  CHECK_FALSE(tasks().find(acme, refused.task.id));
  CHECK_FALSE(tasks().find_execution(acme, refused.execution->id));
  CHECK(offer(once(other, at(1s))) == applied);
}

TEST_CASE_METHOD(QuotaFixture, "of a batch the first items that fit are taken") {
  quota(3);
  const std::vector<NewWork> batch{once(acme, at(1s)),   once(other, at(1s)),        once(acme, at(1s)),
                                   cron(acme, at(900s)), once(acme, at(1s), "mail"), once(acme, at(1s), "mail"),
                                   once(acme, at(1s))};
  CHECK(offer(batch) == Results{applied, applied, applied, applied, applied, exceeded, exceeded});
  CHECK(used(at(1s)) == 3);
}

TEST_CASE_METHOD(QuotaFixture, "claimed work counts like any other, and refused work is not claimed") {
  quota(1);
  NewWork first = once(acme, at(1s));
  NewWork second = once(acme, at(1s));
  first.claim = next_token();
  second.claim = next_token();
  const std::vector<NewWork> batch{first, second};
  const auto outcomes = work().insert(node, batch);
  CHECK(outcomes[0].claimed);
  CHECK(outcomes[1].result == exceeded);
  CHECK_FALSE(outcomes[1].claimed);
  CHECK(store().leases().held(node).size() == 1);
}

TEST_CASE_METHOD(QuotaFixture, "work that is sent again is counted once") {
  quota(2);
  const NewWork sent = once(acme, at(1s));
  CHECK(offer(sent) == applied);
  CHECK(offer(sent) == applied);
  CHECK(used(at(1s)) == 1);
  CHECK(offer(once(acme, at(1s))) == applied);
  CHECK(offer(sent) == applied);  // stored already, though there is no room any more
  CHECK(used(at(1s)) == 2);
}

TEST_CASE_METHOD(QuotaFixture, "a repeated request is not counted, a refused one leaves its key free") {
  quota(1);
  NewWork first = once(acme, at(1s));
  first.idempotency = key_used("k", 'a', at(1s));
  CHECK(offer(first) == applied);
  NewWork again = once(acme, at(1s));
  again.idempotency = first.idempotency;
  CHECK(offer(again) == WriteResult::replayed);
  CHECK(used(at(1s)) == 1);
  NewWork refused = once(acme, at(1s));
  refused.idempotency = key_used("l", 'b', at(1s));
  CHECK(offer(refused) == exceeded);
  CHECK_FALSE(tasks().find_reply(acme, "l", digest_of('b'), at(2s)));
  quota(2);
  CHECK(offer(refused) == applied);
}

TEST_CASE_METHOD(QuotaFixture, "a key twice in a batch that is refused is not answered with what was never stored") {
  quota(1);
  NewWork before = once(acme, at(1s));
  NewWork first = once(acme, at(1s));
  NewWork second = once(acme, at(1s));
  first.idempotency = second.idempotency = key_used("k", 'a', at(1s));
  const std::vector<NewWork> batch{before, first, second};
  CHECK(offer(batch) == Results{applied, exceeded, exceeded});
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(2s)));
  CHECK(used(at(1s)) == 1);
}

TEST_CASE_METHOD(QuotaFixture, "a run that is asked for counts, and leaves its key free when it is refused") {
  const TaskId id = insert(cron(acme, at(900s)));
  quota(1);
  CHECK(run(id, at(1s), key_used("k", 'a', at(1s))) == applied);
  CHECK(run(id, at(1s), key_used("k", 'a', at(1s))) == WriteResult::replayed);
  CHECK(used(at(1s)) == 1);
  CHECK(run(id, at(1s), key_used("l", 'b', at(1s))) == exceeded);
  CHECK_FALSE(tasks().find_reply(acme, "l", digest_of('b'), at(2s)));
  CHECK(run(next_id<TaskId>(), at(1s)) == WriteResult::not_found);
  CHECK(used(at(1s)) == 1);
  CHECK(claim(at(2s)).size() == 1);
}

TEST_CASE_METHOD(QuotaFixture, "cron occurrences beyond the quota are left out, and the schedule goes on") {
  NewWork tick = cron(acme, at(10s));
  insert(tick);
  quota(2);
  CHECK(advance(tick, {at(10s), at(20s), at(30s)}, at(40s)) == 2);
  CHECK(used(at(30s)) == 2);
  tick.task.next_run_at = at(40s);
  CHECK(advance(tick, {at(40s)}, at(50s)) == 0);
  CHECK(task(tick.task.id).next_run_at == at(50s));
  CHECK(task(tick.task.id).spec.enabled);
}

TEST_CASE_METHOD(QuotaFixture, "a step that somebody else has taken counts nothing") {
  const NewWork tick = cron(acme, at(10s));
  insert(tick);
  quota(5);
  CHECK(advance(tick, {at(10s)}, at(20s)) == 1);
  CHECK(advance(tick, {at(10s)}, at(20s)) == 0);
  CHECK(used(at(10s)) == 1);
}

TEST_CASE_METHOD(QuotaFixture, "automatic retries are not counted") {
  quota(1);
  insert(once(acme, at(1s)));
  Settlement end = settlement(claim_one(at(1s)), ExecutionStatus::failed, at(2s));
  end.retry = Retry{next_id<ExecutionId>(), at(3s)};
  CHECK(settle(end) == SettleOutcome::settled);
  CHECK(claim_one(at(3s)).attempt == 2);
  CHECK(used(at(3s)) == 1);
}

TEST_CASE_METHOD(QuotaFixture, "deleting work does not give its place back") {
  quota(1);
  const TaskId id = insert(once(acme, at(900s)));
  CHECK(tasks().remove(write(id, at(1s))).result == applied);
  CHECK(offer(once(acme, at(900s))) == exceeded);
}

TEST_CASE_METHOD(QuotaFixture, "the count begins anew with the calendar month, in UTC, and never goes back") {
  // The tests begin with March.
  quota(1);
  CHECK(offer(once(acme, at(31 * day - 1us))) == applied);
  CHECK(offer(once(acme, at(1s))) == exceeded);
  CHECK(used(at(31 * day - 1us)) == 1);
  CHECK(used(at(31 * day)) == 0);
  CHECK(offer(once(acme, at(31 * day))) == applied);
  CHECK(used(at(31 * day)) == 1);
  // A server whose clock is behind finds the month that has begun.
  CHECK(offer(once(acme, at(31 * day - 1us))) == exceeded);
  CHECK(used(at(31 * day)) == 1);
}

TEST_CASE_METHOD(QuotaFixture, "a changed quota goes on with its count, one that was taken away is forgotten") {
  quota(2);
  CHECK(offer({once(acme, at(1s)), once(acme, at(1s)), once(acme, at(1s))}) == Results{applied, applied, exceeded});
  quota(3);
  CHECK(offer(once(acme, at(1s))) == applied);
  CHECK(offer(once(acme, at(1s))) == exceeded);
  quota(1);
  CHECK(used(at(1s)) == 3);
  quota(std::nullopt);
  CHECK(offer(once(acme, at(1s))) == applied);
  quota(1);
  CHECK(used(at(1s)) == 0);
}

TEST_CASE_METHOD(QuotaFixture, "what is to be told of a quota is told once, with its entry in the audit log") {
  quota(5);
  for (int i = 0; i < 3; ++i) REQUIRE(offer(once(acme, at(1s))) == applied);
  CHECK(notices().empty());
  REQUIRE(offer(once(acme, at(1s))) == applied);
  const auto near = notices();
  REQUIRE(near.size() == 1);
  CHECK(near[0].organization_id == acme);
  CHECK(near[0].organization_name == "acme");
  CHECK(near[0].level == QuotaNotice::Level::near);
  CHECK(near[0].use.used == 4);
  CHECK(near[0].use.most == 5);
  CHECK(notices().empty());
  REQUIRE(offer(once(acme, at(1s))) == applied);
  const auto reached = notices();
  REQUIRE(reached.size() == 1);
  CHECK(reached[0].level == QuotaNotice::Level::reached);
  REQUIRE(offer(once(acme, at(1s))) == exceeded);
  CHECK(notices().empty());
  CHECK(logged() == std::vector<std::string>{"reached", "near"});
}

TEST_CASE_METHOD(QuotaFixture, "both notices come when both are due, and again with the next month") {
  quota(1);
  REQUIRE(offer(once(acme, at(1s))) == applied);
  const auto both = notices();
  REQUIRE(both.size() == 2);
  CHECK(both[0].level == QuotaNotice::Level::near);
  CHECK(both[1].level == QuotaNotice::Level::reached);
  REQUIRE(offer(once(acme, at(40 * day))) == applied);
  CHECK(notices(at(40 * day)).size() == 2);
}

TEST_CASE_METHOD(QuotaFixture, "nothing is told of a month that is over") {
  quota(1);
  REQUIRE(offer(once(acme, at(1s))) == applied);
  CHECK(notices(at(40 * day)).empty());
  quota(2);
  quota(1);
  CHECK(notices(at(40 * day)).empty());
  CHECK(logged().empty());
}

TEST_CASE_METHOD(QuotaFixture, "another limit is told of only as far as it has something new to say") {
  quota(5);
  for (int i = 0; i < 4; ++i) REQUIRE(offer(once(acme, at(1s))) == applied);
  CHECK(notices().size() == 1);
  // Four fifths are used of this one, too.
  quota(5);
  quota(4);
  const auto reached = notices();
  REQUIRE(reached.size() == 1);
  CHECK(reached[0].level == QuotaNotice::Level::reached);
  quota(5);
  CHECK(notices().empty());
  // Of these they are not, so that it is new when they are.
  quota(100);
  CHECK(notices().empty());
  quota(5);
  CHECK(notices().size() == 1);
}

TEST_CASE_METHOD(QuotaFixture, "several servers tell of a quota once") {
  quota(1);
  REQUIRE(offer(once(acme, at(1s))) == applied);
  const auto second = open_another();
  std::atomic<int> told{0};
  const auto ask = [&](Storage& store) {
    for (int i = 0; i < 10; ++i) {
      told += static_cast<int>(
          store.quotas()
              .take_notices(at(1s),
                            [&](const QuotaNotice&) { return AuditEntry{acme, at(0s), "system", "told", "x", "y"}; })
              .size());
    }
  };
  std::thread beside([&] { ask(*second); });
  ask(store());
  beside.join();
  CHECK(told == 2);
  CHECK(logged().size() == 2);
}

TEST_CASE_METHOD(QuotaFixture, "a quota is exact under many threads of several instances, on every path") {
  constexpr std::int64_t most = 120;
  const NewWork target = cron(acme, at(900s));
  insert(target);
  std::vector<NewWork> ticks;
  for (int i = 0; i < 4; ++i) insert(ticks.emplace_back(cron(acme, at(10s))));
  quota(most);
  std::vector<PluginLibrary::Instance> instances;
  for (int i = 0; i < 3; ++i) instances.push_back(open_another());
  std::atomic<std::int64_t> begun{0};
  std::atomic<int> refused{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 12; ++number) {
    threads.emplace_back([&, number] {
      Storage& mine = *instances[number % instances.size()];
      const auto note = [&](WriteResult result) {
        if (result == applied) {
          ++begun;
        } else if (result == exceeded) {
          ++refused;
        } else {
          ++wrong;
        }
      };
      for (int i = 0; i < 10; ++i) {
        if (number % 3 == 0) {
          const auto id = next_id<ExecutionId>();
          note(mine.tasks().add_run({acme, target.task.id, node, at(1s), {}, {}}, {id, id, 1, at(1s)}).result);
        } else if (number % 3 == 1) {
          std::vector<NewWork> batch;
          for (int item = 0; item < 5; ++item) {
            batch.push_back(
                once(item % 2 == 0 ? acme : other, at(1s), item == 4 ? std::optional<std::string>("q") : std::nullopt));
          }
          const auto outcomes = mine.work().insert(node, batch);
          for (std::size_t item = 0; item < batch.size(); ++item) {
            if (batch[item].task.organization_id == acme) note(outcomes[item].result);
          }
        } else {
          // Each of these threads has a schedule of its own.
          const NewWork& tick = ticks[number / 3];
          const Time due = at(10s + seconds{i});
          const auto id = next_id<ExecutionId>();
          const ScheduleStep step{tick.task.id,       acme,  due,      tick.task.updated_at,
                                  {{id, id, 1, due}}, false, due + 1s, std::nullopt};
          const std::size_t made = mine.schedules().advance({&step, 1}).at(0);
          note(made == 1 ? applied : exceeded);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  // 40 runs asked for, 120 of batches, 40 of schedules.
  CHECK(begun == most);
  CHECK(begun + refused == 200);
  CHECK(used(at(1s)) == most);
  ExecutionQuery query;
  query.organization_id = acme;
  query.now = at(99s);
  query.limit = 1000;
  CHECK(tasks().list_executions(query).items.size() == most);
}

// ---- Groups: all of them or none.

namespace {

struct GroupQuotaFixture : QuotaFixture {
  GroupOutcome group(const std::vector<NewWork>& items, const std::optional<IdempotencyRecord>& key = std::nullopt) {
    return store().groups().insert(node, items, key);
  }
};

}  // namespace

TEST_CASE_METHOD(GroupQuotaFixture, "a group that does not fit into the quota is refused whole, and counts nothing") {
  quota(3);
  CHECK(offer(once(acme, at(1s))) == applied);
  std::vector<NewWork> items;
  for (int i = 0; i < 3; ++i) items.push_back(once(acme, at(1s), "mail"));
  const auto key = key_used("k", 'a', at(1s));
  const auto refused = group(items, key);
  CHECK(refused.result == exceeded);
  CHECK(refused.refused == 2);
  CHECK(used(at(1s)) == 1);
  CHECK(stored() == 1);
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(2s)));
  items.pop_back();
  CHECK(group(items, key).result == applied);
  CHECK(group(items, key).result == applied);  // sent again
  std::vector<NewWork> again{once(acme, at(1s)), once(acme, at(1s))};
  CHECK(group(again, key).result == WriteResult::replayed);
  CHECK(used(at(1s)) == 3);
}

TEST_CASE_METHOD(GroupQuotaFixture, "a group with more cron tasks than may be there is refused whole") {
  limit([](OrganizationLimits& limits) { limits.max_tasks = 2; });
  const std::vector<NewWork> items{once(acme, at(1s)), cron(acme, at(900s)), cron(acme, at(900s)),
                                   cron(acme, at(900s))};
  const auto refused = group(items);
  CHECK(refused.result == exceeded);
  CHECK(refused.refused == 3);
  CHECK(stored() == 0);
  CHECK(group({items.begin(), items.end() - 1}).result == applied);
  CHECK(stored() == 3);
}

TEST_CASE_METHOD(GroupQuotaFixture, "groups of many threads and instances fill a quota to what whole ones leave") {
  quota(50);
  std::vector<PluginLibrary::Instance> instances;
  for (int i = 0; i < 3; ++i) instances.push_back(open_another());
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 9; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < 3; ++i) {
        std::vector<NewWork> items;
        for (int item = 0; item < 7; ++item) {
          items.push_back(once(acme, at(1s), item % 2 == 0 ? std::nullopt : std::optional<std::string>("q")));
        }
        const auto outcome = instances[number % instances.size()]->groups().insert(node, items, std::nullopt);
        made += outcome.result == applied ? 7 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(made == 49);
  CHECK(used(at(1s)) == 49);
  CHECK(stored() == 49);
}

// ---- Executions that are run again.

namespace {

struct RetryQuotaFixture : QuotaFixture {
  ExecutionId failed(Time due) {
    const NewWork stored = once(acme, due);
    insert(stored);
    REQUIRE(settle(settlement(claim_one(due), ExecutionStatus::failed, due + 1s)) == SettleOutcome::settled);
    return stored.execution->id;
  }
  WriteResult retry(ExecutionId id, Time when, std::optional<IdempotencyRecord> key = std::nullopt) {
    const auto run = next_id<ExecutionId>();
    TaskWrite wish = write({}, when);
    wish.idempotency = std::move(key);
    return store().execution_changes().retry(wish, id, {run, run, 1, when}).result;
  }
  // The result, and how many there were.
  std::pair<WriteResult, std::size_t> retry_many(std::size_t limit, Time when) {
    const std::vector<ExecutionId> ids = [&] {
      std::vector<ExecutionId> out(limit);
      for (ExecutionId& id : out) id = next_id<ExecutionId>();
      return out;
    }();
    std::size_t number = 0;
    const RetryFilter filter{{ExecutionStatus::failed}, {}, {}, {}, {}};
    const auto outcome =
        store().execution_changes().retry_many(write({}, when), filter, ids, when, [&](std::size_t count) {
          number = count;
          return StoredReply{};
        });
    return {outcome.result, number};
  }
};

}  // namespace

TEST_CASE_METHOD(RetryQuotaFixture,
                 "an execution that is run again counts, and leaves its key free when it is refused") {
  const auto id = failed(at(1s));
  quota(1);
  const auto key = key_used("k", 'a', at(9s));
  CHECK(retry(id, at(9s), key) == applied);
  CHECK(retry(id, at(9s), key) == WriteResult::replayed);
  CHECK(used(at(9s)) == 1);
  CHECK(retry(id, at(9s), key_used("l", 'b', at(9s))) == exceeded);
  CHECK_FALSE(tasks().find_reply(acme, "l", digest_of('b'), at(9s)));
  CHECK(claim(at(9s)).size() == 1);
  CHECK(used(at(9s)) == 1);
}

TEST_CASE_METHOD(RetryQuotaFixture, "what cannot be run again counts nothing") {
  const auto id = failed(at(1s));
  CHECK(tasks().remove(write(execution(id).task_id, at(3s))).result == applied);
  quota(5);
  CHECK(retry(id, at(9s)) == WriteResult::conflict);
  CHECK(retry(next_id<ExecutionId>(), at(9s)) == WriteResult::not_found);
  CHECK(retry_many(9, at(9s)) == std::pair{applied, std::size_t{0}});
  CHECK(used(at(9s)) == 0);
}

TEST_CASE_METHOD(RetryQuotaFixture, "of many executions as many are run again as the quota has room for") {
  for (int i = 0; i < 5; ++i) (void)failed(at(1s + seconds{i}));
  quota(3);
  CHECK(retry_many(2, at(90s)) == std::pair{applied, std::size_t{2}});
  CHECK(used(at(90s)) == 2);
  CHECK(retry_many(9, at(90s)) == std::pair{applied, std::size_t{1}});
  CHECK(used(at(90s)) == 3);
  CHECK(retry_many(9, at(90s)).first == exceeded);
  CHECK(claim(at(90s)).size() == 3);
  quota(10);
  CHECK(retry_many(9, at(90s)) == std::pair{applied, std::size_t{2}});
  quota(5);
  // There is no room, but nothing to run either.
  CHECK(retry_many(9, at(90s)) == std::pair{applied, std::size_t{0}});
  CHECK(used(at(90s)) == 5);
}

TEST_CASE_METHOD(
    RetryQuotaFixture,
    "executions run again alone and in bulk, by many threads of several instances, fill a quota and no more") {
  constexpr std::size_t total = 100;
  constexpr std::int64_t most = 60;
  std::vector<NewWork> batch;
  for (std::size_t i = 0; i < total; ++i) {
    batch.push_back(once(acme, at(1s), i % 4 == 0 ? std::optional("q" + std::to_string(i)) : std::nullopt));
  }
  REQUIRE(offer(batch) == Results(total, applied));
  std::vector<Settlement> ends;
  for (const Claimed& one : claim(at(1s), total)) ends.push_back(settlement(one, ExecutionStatus::failed, at(2s)));
  REQUIRE(ends.size() == total);
  (void)work().settle(ends);
  quota(most);
  std::vector<PluginLibrary::Instance> instances;
  for (int i = 0; i < 3; ++i) instances.push_back(open_another());
  std::atomic<std::int64_t> begun{0};
  std::atomic<int> refused{0};
  std::atomic<int> wrong{0};
  const auto one_again = [&](ExecutionChanges& changes, ExecutionId id) {
    const auto run = next_id<ExecutionId>();
    const auto result = changes.retry(write({}, at(9s)), id, {run, run, 1, at(9s)}).result;
    if (result == applied) ++begun;
    if (result == exceeded) ++refused;
    wrong += result != applied && result != exceeded;
  };
  const auto many_again = [&](ExecutionChanges& changes) {
    std::vector<ExecutionId> ids(7);
    for (ExecutionId& id : ids) id = next_id<ExecutionId>();
    const RetryFilter filter{{ExecutionStatus::failed}, {}, {}, {}, {}};
    std::size_t number = 0;
    const auto result = changes
                            .retry_many(write({}, at(9s)), filter, ids, at(9s),
                                        [&](std::size_t count) {
                                          number = count;
                                          return StoredReply{};
                                        })
                            .result;
    begun += static_cast<std::int64_t>(result == applied ? number : 0);
    wrong += result != applied && result != exceeded;
  };
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 12; ++number) {
    threads.emplace_back([&, number] {
      auto& changes = instances[number % instances.size()]->execution_changes();
      try {
        // Every other thread runs a sixth of them again one by one, which is more than there is room for in all.
        for (std::size_t i = number / 2; i < total; i += 6) {
          if (number % 2 == 0) {
            one_again(changes, batch[i].execution->id);
          } else if (i < 30) {
            many_again(changes);
          }
        }
      } catch (const std::exception&) {
        ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(refused > 0);
  CHECK(begun == most);
  CHECK(used(at(9s)) == most);
  ExecutionQuery pending{acme, at(9s), 1000};
  pending.status = ExecutionStatus::pending;
  CHECK(tasks().list_executions(pending).items.size() == most);
}

TEST_CASE_METHOD(RetryQuotaFixture, "what an organisation keeps no longer is not run again in bulk") {
  (void)failed(at(1s));
  const auto recent = failed(at(100s));
  const auto run = next_id<ExecutionId>();
  RetryFilter filter{{ExecutionStatus::failed}, {}, {}, {}, {}};
  filter.kept_since = at(50s);
  std::size_t number = 0;
  const std::vector<ExecutionId> ids{run, next_id<ExecutionId>()};
  const auto count = [&](std::size_t retried) {
    number = retried;
    return StoredReply{};
  };
  SECTION("of all tasks") {}
  SECTION("of one") { filter.task_id = execution(recent).task_id; }
  CHECK(store().execution_changes().retry_many(write({}, at(200s)), filter, ids, at(200s), count).result == applied);
  CHECK(number == 1);
  CHECK(claim_one(at(200s)).task_id == execution(recent).task_id);
}
