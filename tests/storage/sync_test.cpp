// A sync of the cron tasks of an organisation.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "punctual/task_groups.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

NewWork named(const std::string& name, OrganizationId organization) {
  NewWork work = cron(organization, at(60s));
  work.task.spec.name = name;
  return work;
}

struct SyncFixture : StorageFixture {
  TaskId add(const std::string& name) { return insert(named(name, acme)); }

  TaskWriteOutcome sync(const SyncScope& scope, const std::function<SyncPlan(const SyncBase&)>& plan,
                        const std::optional<IdempotencyRecord>& idempotency = std::nullopt) {
    TaskWrite all = write({}, at(10s));
    all.idempotency = idempotency;
    return store().groups().sync(all, scope, plan);
  }
  // What a plan is made from.
  SyncBase base_of(const SyncScope& scope) {
    SyncBase seen;
    const auto outcome = sync(scope, [&](const SyncBase& base) {
      seen = base;
      return SyncPlan{};
    });
    CHECK(outcome.result == WriteResult::applied);
    return seen;
  }
  // The names of all tasks, sorted.
  std::vector<std::string> names() {
    TaskQuery all;
    all.organization_id = acme;
    all.limit = 1000;
    std::vector<std::string> out;
    for (const Task& task : tasks().list(all).items) out.push_back(task.spec.name);
    std::sort(out.begin(), out.end());
    return out;
  }
  // An execution that the schedule of a task made, due at `due`.
  ExecutionId occurrence(TaskId id, Time due) {
    const Task stored = task(id);
    const auto execution = next_id<ExecutionId>();
    const ScheduleStep step{
        id,  acme,        stored.next_run_at.value(), stored.updated_at, {{execution, execution, 1, due}}, false,
        due, std::nullopt};
    REQUIRE(store().schedules().advance({&step, 1}) == std::vector<std::size_t>{1});
    return execution;
  }
};

TaskUpdate with_url(const Task& before, const std::string& url) {
  TaskUpdate update{before, before.updated_at, PendingChange::keep, {}};
  update.task.spec.url = url;
  update.task.updated_at += 1us;
  return update;
}

}  // namespace

TEST_CASE_METHOD(SyncFixture, "a sync sees the cron tasks of its names, in order of their making") {
  const auto first = add("a");
  const auto second = add("b");
  const auto same = add("a");
  add("c");
  NewWork not_cron = once(acme, at(60s));
  not_cron.task.spec.name = "a";
  insert(not_cron);
  insert(named("a", other));
  CHECK(tasks().remove(write(add("a"), at(1s))).result == WriteResult::applied);
  const auto base = base_of({{"a", "b", "nobody's"}, false});
  REQUIRE(base.named.size() == 3);
  CHECK(base.named[0].id == first);
  CHECK(base.named[1].id == second);
  CHECK(base.named[2].id == same);
  CHECK(base.named[0].spec == task(first).spec);
  CHECK(base.others.empty());
}

TEST_CASE_METHOD(SyncFixture, "a sync sees the others when it asks for them") {
  add("a");
  const auto b = add("b");
  const auto c = add("c");
  insert(once(acme, at(60s)));
  const auto base = base_of({{"a"}, true});
  CHECK(base.named.size() == 1);
  REQUIRE(base.others.size() == 2);
  CHECK(base.others[0].id == b);
  CHECK(base.others[0].name == "b");
  CHECK(base.others[1].id == c);
  CHECK(base_of({{}, true}).others.size() == 3);
}

TEST_CASE_METHOD(SyncFixture, "a sync creates, updates and removes in one commit") {
  const auto changed = add("changed");
  const auto kept = add("kept");
  const auto gone = add("gone");
  const auto record = key_used("k", 'a', at(10s), "not this");
  const auto outcome = sync(
      {{"changed", "kept", "new"}, true},
      [&](const SyncBase& base) {
        SyncPlan plan;
        plan.created.push_back(named("new", acme));
        plan.updated.push_back(with_url(base.named[0], "https://example.com/new"));
        plan.removed.push_back(base.others[0].id);
        plan.reply = {200, "done"};
        return plan;
      },
      record);
  CHECK(outcome.result == WriteResult::applied);
  reopen();
  CHECK(names() == std::vector<std::string>{"changed", "kept", "new"});
  CHECK(task(changed).spec.url == "https://example.com/new");
  CHECK(task(kept).spec == named("kept", acme).task.spec);
  CHECK_FALSE(tasks().find(acme, gone));
  CHECK(tasks().find_reply(acme, "k", digest_of('a'), at(11s)) == StoredReply{200, "done"});
}

TEST_CASE_METHOD(SyncFixture, "a sync that cannot be done in full is not done at all") {
  const auto changed = add("changed");
  const auto gone = add("gone");
  const auto plan_with = [&](const NewWork& created) {
    return [&](const SyncBase& base) {
      SyncPlan plan;
      plan.created = {named("new", acme), created, named("newer", acme)};
      plan.updated.push_back(with_url(base.named[0], "https://example.com/new"));
      plan.removed.push_back(base.others[0].id);
      return plan;
    };
  };
  const auto stranger = named("nobody's", next_id<OrganizationId>());
  const auto outcome = sync({{"changed"}, true}, plan_with(stranger), key_used("k", 'a', at(10s)));
  CHECK(outcome.result == WriteResult::not_found);
  CHECK(names() == std::vector<std::string>{"changed", "gone"});
  CHECK(task(changed).spec.url == named("", acme).task.spec.url);
  CHECK(tasks().find(acme, gone));
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(11s)));
}

TEST_CASE_METHOD(SyncFixture, "what a plan throws comes back, and nothing is written") {
  add("a");
  const auto failing = [](const SyncBase&) -> SyncPlan { throw Invalid("tasks[0].url", "is invalid"); };
  CHECK_THROWS_AS(sync({{"a"}, false}, failing, key_used("k", 'a', at(10s))), Invalid);
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(11s)));
  CHECK(base_of({{"a"}, false}).named.size() == 1);
}

TEST_CASE_METHOD(SyncFixture, "a repeated sync is answered without a plan") {
  const auto reply_only = [](const SyncBase&) {
    SyncPlan plan;
    plan.reply = {200, "first"};
    return plan;
  };
  CHECK(sync({}, reply_only, key_used("k", 'a', at(10s))).result == WriteResult::applied);
  bool planned = false;
  const auto never = [&](const SyncBase&) {
    planned = true;
    return SyncPlan{};
  };
  const auto again = sync({}, never, key_used("k", 'a', at(11s)));
  CHECK(again.result == WriteResult::replayed);
  CHECK(again.replay == StoredReply{200, "first"});
  CHECK(sync({}, never, key_used("k", 'b', at(11s))).result == WriteResult::key_reused);
  CHECK_FALSE(planned);
}

TEST_CASE_METHOD(SyncFixture, "a new schedule forgets what is not yet due, and claims end") {
  const auto id = add("a");
  const auto due_later = occurrence(id, at(100s));
  const auto due = occurrence(id, at(5s));
  const auto claimed = work().claim(claim_request(at(10s), at(10s), 10)).claimed;
  REQUIRE(ids_of(claimed) == std::vector{due});
  const auto outcome = sync({{"a"}, false}, [&](const SyncBase& base) {
    SyncPlan plan;
    plan.updated.push_back(with_url(base.named[0], "https://example.com/new"));
    plan.updated[0].pending = PendingChange::forget;
    plan.updated[0].task.spec.cron_expression = "0 * * * *";
    plan.updated[0].task.next_run_at = at(3600s);
    return plan;
  });
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked == std::vector{ClaimRef{due, claimed[0].token}});
  CHECK_FALSE(tasks().find_execution(acme, due_later));
  CHECK(status(due) == ExecutionStatus::pending);
  CHECK(task(id).next_run_at == at(3600s));
  CHECK(claim_one(at(10s)).url == "https://example.com/new");
}

TEST_CASE_METHOD(SyncFixture, "what is removed is not run any more") {
  const auto a = add("a");
  const auto b = add("b");
  const auto pending = occurrence(a, at(5s));
  const auto claimed_one = occurrence(b, at(4s));
  const auto claimed = claim(at(4s));
  REQUIRE(ids_of(claimed) == std::vector{claimed_one});
  const auto outcome = sync({{}, true}, [](const SyncBase& base) {
    SyncPlan plan;
    for (const auto& task : base.others) plan.removed.push_back(task.id);
    return plan;
  });
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.revoked == std::vector{ClaimRef{claimed_one, claimed[0].token}});
  CHECK(status(pending) == ExecutionStatus::cancelled);
  CHECK(status(claimed_one) == ExecutionStatus::cancelled);
  CHECK(claim(at(1h)).empty());
}

TEST_CASE_METHOD(SyncFixture,
                 "a claim of another server that has not said what it does keeps a sync from all it would do",
                 "[several-servers]") {
  const auto id = add("a");
  (void)occurrence(id, at(5s));
  REQUIRE(claim(at(5s)).size() == 1);
  const NodeId holder = node;
  take_lease();
  const auto plan = [&](const SyncBase& base) {
    SyncPlan made;
    made.created.push_back(named("new", acme));
    if (base.named.empty()) {
      made.removed.push_back(base.others.at(0).id);
    } else {
      made.updated.push_back(with_url(base.named[0], "https://example.com/new"));
    }
    return made;
  };
  CHECK(sync({{"a"}, false}, plan, key_used("k", 'a', at(10s))).result == WriteResult::held_elsewhere);
  CHECK(sync({{}, true}, plan).result == WriteResult::held_elsewhere);
  CHECK(names() == std::vector<std::string>{"a"});
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(11s)));
  work().release(store().leases().held(holder));
  CHECK(sync({{"a"}, false}, plan).result == WriteResult::applied);
  CHECK(names() == std::vector<std::string>{"a", "new"});
}

TEST_CASE_METHOD(SyncFixture, "of many syncs at once each sees what the ones before have done") {
  constexpr int threads = 10;
  const auto second = open_another();
  const SyncScope scope{{"a", "b", "c", "d"}, true};
  std::atomic<int> wrong{0};
  std::atomic<int> created{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&, i] {
      Storage& through = i % 2 == 0 ? store() : *second;
      std::size_t made = 0;
      const auto outcome = through.groups().sync(write({}, at(10s)), scope, [&](const SyncBase& base) {
        SyncPlan plan;
        for (const auto& name : scope.names) {
          const bool is_there = std::any_of(base.named.begin(), base.named.end(),
                                            [&](const Task& task) { return task.spec.name == name; });
          if (!is_there) plan.created.push_back(named(name, acme));
        }
        made = plan.created.size();
        return plan;
      });
      wrong += outcome.result != WriteResult::applied;
      created += static_cast<int>(made);
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
  CHECK(created == 4);
  CHECK(names() == scope.names);
}

TEST_CASE_METHOD(SyncFixture, "syncs and edits at once lose nothing of each other") {
  constexpr int rounds = 25;
  const auto second = open_another();
  const auto id = add("a");
  const auto start = task(id).spec.timeout;
  const auto url_of = [](int number) { return "https://example.com/" + std::to_string(number); };
  std::atomic<int> edits{0};
  std::atomic<int> wrong{0};
  std::thread editor([&] {
    for (int done = 0; done < rounds;) {
      const auto before = second->tasks().find(acme, id).value();
      TaskUpdate update{before, before.updated_at, PendingChange::keep, {}};
      update.task.spec.timeout += 1ms;
      update.task.updated_at += 1us;
      const auto result = second->tasks().update(write(id, at(10s)), update).result;
      wrong += result != WriteResult::applied && result != WriteResult::stale;
      if (result == WriteResult::applied) ++done;
    }
    edits = rounds;
  });
  int syncs = 0;
  while (edits < rounds || syncs < rounds) {
    ++syncs;
    const auto outcome = sync({{"a"}, false}, [&](const SyncBase& base) {
      SyncPlan plan;
      plan.updated.push_back(with_url(base.named.at(0), url_of(syncs)));
      return plan;
    });
    wrong += outcome.result != WriteResult::applied;
  }
  editor.join();
  CHECK(wrong == 0);
  CHECK(task(id).spec.timeout == start + rounds * 1ms);
  CHECK(task(id).spec.url == url_of(syncs));
}
