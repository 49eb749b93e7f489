// How many cron tasks an organisation may have. Catch's assertions are for one thread, so threads count and the case asserts at
// the end.
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "punctual/execution_changes.hpp"
#include "punctual/task_groups.hpp"
#include "quota_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE_METHOD(QuotaFixture, "max_tasks bounds the cron tasks that are there, enabled or not, and no others") {
  NewWork disabled = cron(acme, at(900s));
  disabled.task.spec.enabled = false;
  insert(disabled);
  limit([](OrganizationLimits& limits) { limits.max_tasks = 2; });
  const TaskId second = insert(cron(acme, at(900s)));
  CHECK(offer(cron(acme, at(900s))) == exceeded);
  CHECK(offer(once(acme, at(1s))) == applied);
  CHECK(offer(cron(other, at(900s))) == applied);
  CHECK(tasks().remove(write(second, at(1s))).result == applied);
  CHECK(offer({cron(acme, at(900s)), once(acme, at(1s)), cron(acme, at(900s))}) == Results{applied, applied, exceeded});
  limit([](OrganizationLimits& limits) { limits.max_tasks = 1; });
  CHECK(offer(cron(acme, at(900s))) == exceeded);
  limit([](OrganizationLimits& limits) { limits.max_tasks.reset(); });
  CHECK(offer(cron(acme, at(900s))) == applied);
}

TEST_CASE_METHOD(QuotaFixture, "a cron task that is sent again is no further one, a refused one leaves its key free") {
  limit([](OrganizationLimits& limits) { limits.max_tasks = 1; });
  const NewWork sent = cron(acme, at(900s));
  CHECK(offer(sent) == applied);
  CHECK(offer(sent) == applied);
  NewWork refused = cron(acme, at(900s));
  refused.idempotency = key_used("k", 'a', at(1s));
  CHECK(offer(refused) == exceeded);
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(2s)));
}

TEST_CASE_METHOD(QuotaFixture, "max_tasks is exact under many threads of several instances") {
  limit([](OrganizationLimits& limits) { limits.max_tasks = 25; });
  std::vector<PluginLibrary::Instance> instances;
  for (int i = 0; i < 3; ++i) instances.push_back(open_another());
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 9; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < 5; ++i) {
        const NewWork one = cron(acme, at(900s));
        made += instances[number % instances.size()]->work().insert(node, {&one, 1}).at(0).result == applied ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(made == 25);
  CHECK(stored() == 25);
}

TEST_CASE_METHOD(QuotaFixture, "groups and single creations at once never make more cron tasks than may be there") {
  constexpr std::size_t most = 25;
  limit([&](OrganizationLimits& limits) { limits.max_tasks = most; });
  std::vector<PluginLibrary::Instance> instances;
  for (int i = 0; i < 3; ++i) instances.push_back(open_another());
  std::atomic<std::size_t> made{0};
  std::atomic<int> torn{0};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 9; ++number) {
    threads.emplace_back([&, number] {
      Storage& mine = *instances[number % instances.size()];
      try {
        for (int i = 0; i < 10; ++i) {
          if (number / 3 != 0) {
            const std::vector<NewWork> group{cron(acme, at(900s)), once(acme, at(1s), "q"), cron(acme, at(900s)),
                                             cron(acme, at(900s))};
            const auto result = mine.groups().insert(node, group, std::nullopt).result;
            if (result == applied) made += 3;
            for (const NewWork& one : group) {
              torn += mine.tasks().find(acme, one.task.id).has_value() != (result == applied);
            }
          } else {
            const NewWork one = cron(acme, at(900s));
            if (mine.work().insert(node, {&one, 1}).at(0).result == applied) ++made;
          }
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(torn == 0);
  CHECK(made == most);
  TaskQuery query{acme, 1000};
  query.schedule_type = ScheduleType::cron;
  CHECK(tasks().list(query).items.size() == most);
}

TEST_CASE_METHOD(QuotaFixture, "a sync is bound by the cron tasks that are there when it is done") {
  limit([](OrganizationLimits& limits) { limits.max_tasks = 2; });
  const TaskId first = insert(cron(acme, at(900s)));
  insert(cron(acme, at(900s)));
  const auto sync = [&](std::size_t created, bool removes) {
    TaskWrite wish = write({}, at(1s));
    wish.idempotency = key_used("k", 'a', at(1s));
    return store()
        .groups()
        .sync(wish, {{}, true},
              [&](const SyncBase& base) {
                SyncPlan plan;
                for (std::size_t i = 0; i < created; ++i) plan.created.push_back(cron(acme, at(900s)));
                if (removes) plan.removed.push_back(base.others.at(0).id);
                return plan;
              })
        .result;
  };
  CHECK(sync(1, false) == exceeded);
  CHECK(sync(2, true) == exceeded);
  CHECK(tasks().find(acme, first));
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(2s)));
  CHECK(sync(1, true) == applied);
  CHECK_FALSE(tasks().find(acme, first));
  CHECK(stored() == 2);
}

TEST_CASE_METHOD(QuotaFixture, "syncs and creations at once never make more cron tasks than may be there") {
  limit([](OrganizationLimits& limits) { limits.max_tasks = 20; });
  std::vector<PluginLibrary::Instance> instances;
  for (int i = 0; i < 3; ++i) instances.push_back(open_another());
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 6; ++number) {
    threads.emplace_back([&, number] {
      Storage& mine = *instances[number % instances.size()];
      try {
        for (int i = 0; i < 10; ++i) {
          if (number % 2 == 0) {
            const std::vector<NewWork> batch{cron(acme, at(900s)), once(acme, at(1s), "q")};
            (void)mine.work().insert(node, batch);
          } else {
            (void)mine.groups().sync(write({}, at(1s)), {{}, true}, [&](const SyncBase& base) {
              SyncPlan plan;
              for (int made = 0; made < 3; ++made) plan.created.push_back(cron(acme, at(900s)));
              if (!base.others.empty()) plan.removed.push_back(base.others.front().id);
              return plan;
            });
          }
        }
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  TaskQuery query{acme, 1000};
  query.schedule_type = ScheduleType::cron;
  CHECK(tasks().list(query).items.size() == 20);
}
