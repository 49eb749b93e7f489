// Plans of the statements inside of the functions of the hot path, and how many rows they met. Each case is run with plans
// that were made knowing what is stored, and with plans that were made while every leaf was empty.
#include <catch2/catch.hpp>

#include "execution_changes.hpp"
#include "host_states.hpp"
#include "hot_path.hpp"
#include "postgres/plans_fixture.hpp"
#include "queue_store.hpp"
#include "task_changes.hpp"
#include "task_pages.hpp"

using namespace punctual;
using namespace punctual::testing;
using postgres::Session;
using Names = std::set<std::string>;

namespace {

const std::string this_week = "w20260223";  // the leaf of all ids that the tests make

struct WorkPlansFixture : PlansFixture {
  WorkPlansFixture() {
    if (while_empty) plan_everything();
    fill();
    if (!while_empty) analyze();
  }

  std::vector<Plan> claim(std::size_t limit, Time now) { return claim(claim_request(now, limit)); }
  std::vector<Plan> claim(const ClaimRequest& request) {
    return explained.plans_of([&](Session& s) {
      claimed = postgres::claim_work(s, request, {Time::min(), organization(greedy)}).result.claimed;
    });
  }
  std::vector<Plan> insert_batch(std::span<const NewWork> batch) {
    return explained.plans_of([&](Session& s) {
      for (const auto& outcome : postgres::insert_work(s, node, batch)) CHECK(outcome.result == WriteResult::applied);
    });
  }
  std::vector<Plan> settle_batch(std::span<const Settlement> batch) {
    return explained.plans_of([&](Session& s) {
      for (const auto outcome : postgres::settle_work(s, batch)) CHECK(outcome == SettleOutcome::settled);
    });
  }
  std::vector<Plan> update(const Task& changed, PendingChange pending, Time move_to) {
    TaskUpdate change{changed, changed.updated_at, pending, move_to};
    change.task.updated_at += 1s;
    const TaskWrite write{changed.organization_id, changed.id, node, at(0s), {}, std::nullopt};
    return explained.plans_of(
        [&](Session& s) { CHECK(postgres::update_task(s, write, change).result == WriteResult::applied); });
  }
  std::vector<Plan> find(const Task& task) {
    return explained.plans_of([&](Session& s) { CHECK(postgres::find_task(s, task.organization_id, task.id)); });
  }
  std::vector<Plan> remove(const Task& task) {
    const TaskWrite write{task.organization_id, task.id, node, at(0s), {}, std::nullopt};
    return explained.plans_of(
        [&](Session& s) { CHECK(postgres::remove_task(s, write).result == WriteResult::applied); });
  }

  // All that was claimed last, failed and to be tried again.
  std::vector<Settlement> retries() {
    std::vector<Settlement> items;
    for (const Claimed& one : claimed) {
      items.push_back(settlement(one, ExecutionStatus::failed, at(1s)));
      items.back().retry = Retry{next_id<ExecutionId>(), at(24h)};
    }
    return items;
  }

  // Has every statement planned, and leaves nothing behind that is due.
  void plan_everything() {
    const std::vector<NewWork> batch = mixed_batch(10);
    (void)insert_batch(batch);
    (void)claim(1, at(0s));
    (void)claim(100, at(0s));
    (void)settle_batch(retries());
    const NewWork one = once(organization(1), at(0s));
    (void)insert_batch({&one, 1});
    (void)find(one.task);
    (void)claim(100, at(0s));
    (void)hold_all();
    (void)let_go({organization(1), closed_host().name}, at(31s));
    session.execute("delete from hosts");
    (void)update(one.task, PendingChange::move, at(1h));
    Task changed = one.task;
    changed.updated_at += 1s;
    (void)remove(changed);
    (void)explained.plans_of([&](Session& s) { (void)postgres::rescue_claims(s, node); });
  }
  void release_all() {
    std::vector<ClaimRef> claims;
    for (const Claimed& one : claimed) claims.push_back({one.id, one.token});
    released = explained.plans_of([&](Session& s) { postgres::release_claims(s, claims); });
  }

  [[nodiscard]] HostKey closed_host() const { return {organization(greedy), "example.com:443"}; }
  // All that was claimed last is asked about while its host is closed.
  std::vector<Plan> hold_all() {
    std::vector<HostQuestion> questions;
    for (const Claimed& one : claimed) {
      const HostKey host{one.organization_id, closed_host().name};
      const HostReport failed{host, HostReport::Kind::failed, at(0s), {}, std::nullopt};
      (void)store().hosts().report({&failed, 1});
      questions.push_back({one.id, one.token, host, one.task_updated_at, 1s, std::nullopt});
    }
    return explained.plans_of([&](Session& s) {
      for (const HostAnswer answer : postgres::ask_hosts(s, questions, at(1s))) CHECK(answer == HostAnswer::held);
    });
  }
  std::vector<Plan> let_go(const HostKey& host, Time now) {
    return explained.plans_of([&](Session& s) { gone = postgres::advance_host(s, host, now).executions; });
  }

  // Some with a key, some in lines, some claimed at insert.
  static std::vector<NewWork> mixed_batch(int size) {
    std::vector<NewWork> batch;
    for (int i = 0; i < size; ++i) {
      const bool queued = i % 3 == 0;
      batch.push_back(
          once(organization(i), at(0s), queued ? std::optional("line " + std::to_string(i)) : std::nullopt));
      if (i % 3 == 1) batch.back().claim = next_token();
      batch.back().idempotency = key_used(std::to_string(i) + batch.back().task.spec.name, 'a', at(0s));
    }
    return batch;
  }

  const bool while_empty = GENERATE(false, true);
  std::vector<Claimed> claimed;
  std::vector<Plan> released;
  std::size_t gone = 0;  // let go last
};

const Names primary_keys_of_tasks{"tasks_keep_pkey", "tasks_" + this_week + "_pkey"};
const Names primary_keys_of_executions{"executions_keep_pkey", "executions_" + this_week + "_pkey"};

}  // namespace

TEST_CASE_METHOD(WorkPlansFixture, "an insert looks only whether its ids are there, and at no item more than once") {
  const std::vector<NewWork> batch = [] {
    auto made = mixed_batch(90);
    for (NewWork& work : made) work.idempotency->key += " again";
    return made;
  }();
  const auto plans = insert_batch(batch);
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(indexes_used(plans, "executions").empty());
  CHECK(most_rows(plans) <= 90);
}

TEST_CASE_METHOD(WorkPlansFixture, "a claim of all that is due reads that alone") {
  const auto plans = claim(100, at(first_due + 50ms));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() == 50);
  CHECK(indexes_used(plans, "executions") == Names{"executions_keep_due", "executions_keep_pkey"});
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) <= 51);
}

TEST_CASE_METHOD(WorkPlansFixture, "a claim with organisations in turn reads no more than it may claim") {
  ClaimRequest request = claim_request(at(-1h), 300);
  SECTION("without bounds") {}
  SECTION("with shares") {
    request.share = 2;
    request.shares = {{organization(greedy), 200}};
  }
  SECTION("with a cap") { (void)store().directory().set_max_concurrent(organization(greedy), 50); }
  const auto plans = claim(request);
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() >= 200);
  CHECK(indexes_used(plans, "executions") ==
        Names{"executions_keep_due", "executions_keep_due_by_organization", "executions_keep_pkey"});
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) <= 301);
}

TEST_CASE_METHOD(WorkPlansFixture, "a claim does not walk over what is held, however much that is") {
  session.execute(R"sql(
    update executions
    set held_host = 'example.com:443'
    where status = 'pending' and tier = 'k' and organization_id = lpad(to_hex(100), 32, '0')::uuid;)sql");
  const auto plans = claim(100, at(-1h));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() == 100);
  CHECK(std::none_of(claimed.begin(), claimed.end(),
                     [](const Claimed& one) { return one.organization_id == organization(greedy); }));
  CHECK(most_rows(plans) <= 201);  // of organisations with work
}

TEST_CASE_METHOD(WorkPlansFixture, "what is asked about a closed host is held by primary keys") {
  (void)claim(100, at(first_due + 50ms));
  const auto plans = hold_all();
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(store().hosts().count_held(1000) == 50);
  CHECK(indexes_used(plans, "executions") == primary_keys_of_executions);
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) <= 50);
}

TEST_CASE_METHOD(WorkPlansFixture, "what is let go is found by its host, and no more of it is read than goes") {
  session.execute(R"sql(
    update executions
    set held_host = 'example.com:443'
    where status = 'pending' and tier = 'k' and organization_id = lpad(to_hex(100), 32, '0')::uuid;
    insert into hosts (organization_id, name, phase, until, openings, trial_until, pace, next_at)
    values (lpad(to_hex(100), 32, '0')::uuid, 'example.com:443', 'opening', '2026-03-01', 0, '2026-03-01', 500, '2026-03-01');)sql");
  const auto plans = let_go(closed_host(), at(1s));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(gone == 500);
  CHECK(leaves_read(plans, "executions") == Names{"executions_keep"});
  CHECK(indexes_used(plans, "executions") == Names{"executions_keep_held", "executions_keep_pkey"});
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) <= 500);
}

TEST_CASE_METHOD(WorkPlansFixture, "a claim of lines looks at the head of each, however long they are") {
  session.execute(R"sql(
    update executions
    set queue = 'line ' || (('x' || right(id::text, 2))::bit(8)::integer % 10), line_at = scheduled_for, line_seq = 1
    where status = 'pending' and tier = 'k';
    insert into queues (organization_id, name, ready_at)
    select distinct organization_id, queue, '2026-02-28'::timestamptz from executions where status = 'pending' and queue is not null
    on conflict (organization_id, name) do update set ready_at = excluded.ready_at;)sql");
  const auto plans = claim(200, at(-1h));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() > 100);
  CHECK(indexes_used(plans, "executions").contains("executions_keep_lines"));
  CHECK(most_rows(plans) <= 501);  // of organisations with lines
}

namespace {

// All that waits of the greedy organisation in one line, others in lines of their own.
constexpr const char* make_long_lines = R"sql(
  update executions
  set queue = 'line', line_at = scheduled_for, line_seq = 1
  where status = 'pending' and tier = 'k';
  insert into queues (organization_id, name, ready_at)
  select distinct organization_id, queue, '2026-02-28'::timestamptz from executions where status = 'pending' and queue is not null
  on conflict (organization_id, name) do update set ready_at = excluded.ready_at;
  update queues
  set concurrency = 3, rate = '100/s', rate_at_once = 5, rate_every = interval '10 milliseconds'
  where name = 'line';)sql";

}  // namespace

TEST_CASE_METHOD(WorkPlansFixture, "a claim of wide lines with a rate looks at as much of each as has a slot") {
  session.execute(make_long_lines);
  const auto plans = claim(300, at(-1h));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() == 300);
  CHECK(indexes_used(plans, "executions").contains("executions_keep_lines"));
  CHECK(most_rows(plans) <= 3 * 200);
}

TEST_CASE_METHOD(WorkPlansFixture, "the claims of a line are found without a look at what waits in it") {
  session.execute(make_long_lines);
  (void)claim(1000, at(-1h));
  std::vector<ExecutionId> sending;
  for (const Claimed& one : claimed) {
    if (one.organization_id == organization(greedy)) sending.push_back(one.id);
  }
  REQUIRE(sending.size() == 3);
  const TaskWrite write{organization(greedy), {}, node, at(0s), sending, std::nullopt};
  const auto plans = explained.plans_of(
      [&](Session& s) { CHECK(postgres::end_unsent_claims(s, write, "line").write.revoked.empty()); });
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "executions") == Names{"executions_keep_lines"});
  CHECK(most_rows(plans) <= 3);
}

TEST_CASE_METHOD(WorkPlansFixture, "queues are listed by a look at what has not ended in them") {
  session.execute(make_long_lines);
  const auto plans = explained.plans_of([&](Session& s) {
    const auto found = postgres::list_queues(s, organization(50));
    REQUIRE(found.size() == 1);
    CHECK(found[0].pending == 5);
    REQUIRE(postgres::find_queue(s, organization(50), "line"));
  });
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "executions") == Names{"executions_keep_lines"});
  CHECK(most_rows(plans) <= 5);
}

TEST_CASE_METHOD(WorkPlansFixture, "what was claimed at insert is settled by primary keys in the week of its id") {
  std::vector<NewWork> batch;
  std::vector<Settlement> items;
  for (int i = 0; i < 100; ++i) {
    batch.push_back(once(organization(i), at(0s)));
    batch.back().claim = next_token();
    Claimed one;
    one.id = batch.back().execution->id;
    one.task_id = batch.back().task.id;
    one.token = *batch.back().claim;
    items.push_back(settlement(one, ExecutionStatus::success, at(1s)));
  }
  (void)insert_batch(batch);
  const auto plans = settle_batch(items);
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(leaves_read(plans, "executions") == Names{"executions_keep", "executions_" + this_week});
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) <= 100);
}

TEST_CASE_METHOD(WorkPlansFixture, "what had waited is settled with its retries by primary keys") {
  (void)claim(200, at(-1h));
  const auto plans = settle_batch(retries());
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(leaves_read(plans, "executions") == Names{"executions_keep", "executions_" + this_week});
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) <= 400);  // with their retries
}

TEST_CASE_METHOD(WorkPlansFixture, "claims are returned by primary keys") {
  (void)claim(200, at(-1h));
  release_all();
  INFO(text_of(released));
  CAPTURE(while_empty);
  CHECK(indexes_used(released, "executions") == primary_keys_of_executions);
  CHECK(indexes_used(released, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(released) <= 200);
}

TEST_CASE_METHOD(WorkPlansFixture, "the claims of a dead server are found by its id alone") {
  (void)claim(200, at(-1h));
  const auto plans = explained.plans_of([&](Session& s) { CHECK(postgres::rescue_claims(s, node) == 200); });
  INFO(text_of(plans));
  CAPTURE(while_empty);
  for (const std::string& index : indexes_used(plans, "executions")) {
    CHECK((index.ends_with("_node_id_idx") || primary_keys_of_executions.contains(index)));
  }
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) <= 200);
}

TEST_CASE_METHOD(WorkPlansFixture, "a task is changed and deleted by its id, among many of its organisation") {
  const NewWork work = once(organization(greedy), at(0s), "line");
  (void)insert_batch({&work, 1});
  Task task = work.task;
  auto plans = update(task, PendingChange::move, at(1h));
  task.updated_at += 1s;
  for (Plan& plan : remove(task)) plans.push_back(std::move(plan));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK_FALSE(indexes_used(plans, "executions").contains("Seq Scan"));
  CHECK(most_rows(plans) <= 2);
}

TEST_CASE_METHOD(WorkPlansFixture,
                 "an execution is cancelled and run again by primary keys, among many of its organisation") {
  const NewWork waiting = once(organization(greedy), at(0s), "line");
  NewWork sent = once(organization(greedy), at(0s));
  sent.claim = next_token();
  const std::vector<NewWork> both{waiting, sent};
  (void)insert_batch(both);
  std::vector<Plan> plans;
  const auto cancel = [&](const NewWork& work, std::span<const ExecutionId> sending) {
    const TaskWrite write{organization(greedy), {}, node, at(1s), sending, std::nullopt};
    for (Plan& plan : explained.plans_of([&](Session& s) {
           CHECK(postgres::cancel_execution(s, write, work.execution->id, ForeignClaim::ask, [](const Execution&) {
                   return StoredReply{};
                 }).result == WriteResult::applied);
         })) {
      plans.push_back(std::move(plan));
    }
  };
  cancel(waiting, {});
  cancel(sent, {&sent.execution->id, 1});
  const TaskWrite write{organization(greedy), {}, node, at(1s), {}, std::nullopt};
  const auto run = next_id<ExecutionId>();
  for (Plan& plan : explained.plans_of([&](Session& s) {
         CHECK(postgres::retry_execution(s, write, waiting.execution->id, {run, run, 1, at(1s)}).result ==
               WriteResult::applied);
       })) {
    plans.push_back(std::move(plan));
  }
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  Names used = indexes_used(plans, "executions");
  // What waits of the task.
  used.erase("executions_keep_live");
  used.erase("executions_keep_task_id_scheduled_for_id_idx");
  CHECK(used == primary_keys_of_executions);
  CHECK(most_rows(plans) <= 2);
}

TEST_CASE_METHOD(WorkPlansFixture, "a task is found by its id in its week and in keep, by primary keys alone") {
  const NewWork work = once(organization(greedy), at(0s));
  (void)insert_batch({&work, 1});
  const auto plans = find(work.task);
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "tasks") == primary_keys_of_tasks);
  CHECK(most_rows(plans) == 1);
}

TEST_CASE_METHOD(WorkPlansFixture, "plans go on serving when a leaf has been made and one dropped") {
  constexpr std::chrono::days day{1};
  const std::string new_leaf = "w20260413";
  const auto leaves_named = [&](const std::string& suffix) {
    return session.value("select count(*) from leaves where suffix = '" + suffix + "'");
  };
  const NewWork before = once(organization(1), at(0s));
  (void)insert_batch({&before, 1});
  (void)claim(10, at(-1h));
  (void)settle_batch(retries());
  (void)find(before.task);
  REQUIRE(leaves_named(new_leaf) == "0");
  (void)store().maintenance().upkeep({at(60 * day), 14 * day});
  REQUIRE(leaves_named(new_leaf) == "1");
  REQUIRE(leaves_named(this_week) == "0");

  std::vector<NewWork> batch;
  std::vector<Settlement> items;
  for (int i = 0; i < 50; ++i) {
    const auto id = Uuid::parse(session.value("select id_at('2026-04-15', " + std::to_string(i) + ")"));
    REQUIRE(id);
    NewWork work = once(organization(i), at(46 * day));
    work.task.id = TaskId{*id};
    work.execution->id = work.execution->run_id = ExecutionId{*id};
    work.claim = next_token();
    Claimed one;
    one.id = work.execution->id;
    one.task_id = work.task.id;
    one.token = *work.claim;
    items.push_back(settlement(one, ExecutionStatus::success, at(46 * day) + 1s));
    batch.push_back(std::move(work));
  }
  (void)insert_batch(batch);
  const auto settled = settle_batch(items);
  const auto found = find(batch[0].task);
  INFO(text_of(settled));
  INFO(text_of(found));
  CAPTURE(while_empty);
  CHECK(session.value("select count(*) from executions_" + new_leaf + " where status = 'success'") == "50");
  CHECK(leaves_read(settled, "executions") == Names{"executions_keep", "executions_" + new_leaf});
  for (const auto* plans : {&settled, &found}) {
    CHECK(indexes_used(*plans, "tasks") == Names{"tasks_keep_pkey", "tasks_" + new_leaf + "_pkey"});
    CHECK(most_rows(*plans) <= 50);
  }
  (void)claim(10, at(-1h));
  CHECK(claimed.size() == 10);
}
