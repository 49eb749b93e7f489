#include <catch2/catch.hpp>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct ScheduleFixture : StorageFixture {
  Schedules& schedules() { return store().schedules(); }

  ScheduleStep step(const NewWork& work, std::vector<Time> occurrences, std::optional<Time> next) {
    ScheduleStep out{
        work.task.id, work.task.organization_id, *work.task.next_run_at, work.task.updated_at, {}, false, next,
        std::nullopt};
    for (const Time due : occurrences) {
      const auto id = next_id<ExecutionId>();
      out.executions.push_back({id, id, 1, due});
    }
    return out;
  }
  std::size_t advance(const ScheduleStep& one) { return schedules().advance({&one, 1}).at(0); }
};

}  // namespace

TEST_CASE_METHOD(ScheduleFixture, "due schedules come earliest first, with when the next later one is") {
  const NewWork second = cron(acme, at(20s));
  const NewWork first = cron(other, at(10s));
  for (const auto& one : {second, first, cron(acme, at(40s)), cron(acme, at(30s))}) insert(one);
  reopen();
  const auto due = schedules().due(at(20s), 10);
  REQUIRE(due.schedules.size() == 2);
  CHECK(due.schedules[0].task_id == first.task.id);
  CHECK(due.schedules[1].task_id == second.task.id);
  CHECK(due.next == at(30s));
}

TEST_CASE_METHOD(ScheduleFixture, "a due schedule brings what is needed to materialise it") {
  NewWork stored = cron(acme, at(10s));
  stored.task.spec.timezone = "Asia/Tokyo";
  stored.task.spec.misfire = Misfire::all;
  stored.task.spec.overlap = Overlap::skip;
  insert(stored);
  const auto due = schedules().due(at(10s), 10);
  REQUIRE(due.schedules.size() == 1);
  CHECK(due.schedules[0].organization_id == acme);
  CHECK(due.schedules[0].cron_expression == "* * * * *");
  CHECK(due.schedules[0].timezone == "Asia/Tokyo");
  CHECK(due.schedules[0].misfire == Misfire::all);
  CHECK(due.schedules[0].overlap == Overlap::skip);
  CHECK(due.schedules[0].next_run_at == at(10s));
  CHECK(due.schedules[0].version == stored.task.updated_at);
  CHECK_FALSE(due.next);
}

TEST_CASE_METHOD(ScheduleFixture, "no more schedules than asked for are given") {
  for (int i = 0; i < 5; ++i) insert(cron(acme, at(seconds{i})));
  const auto due = schedules().due(at(10s), 3);
  CHECK(due.schedules.size() == 3);
  CHECK(due.next == at(3s));
}

TEST_CASE_METHOD(ScheduleFixture, "disabled, deleted and one-time tasks are never due") {
  NewWork disabled = cron(acme, at(10s));
  disabled.task.spec.enabled = false;
  insert(disabled);
  insert(once(acme, at(10s)));
  const TaskId deleted = insert(cron(acme, at(10s)));
  (void)tasks().remove(write(deleted, at(1s)));
  const auto due = schedules().due(at(99s), 10);
  CHECK(due.schedules.empty());
  CHECK_FALSE(due.next);
}

TEST_CASE_METHOD(ScheduleFixture, "a step inserts its executions and sets the next run") {
  const NewWork stored = cron(acme, at(10s));
  insert(stored);
  const auto taken = step(stored, {at(10s), at(11s)}, at(70s));
  CHECK(advance(taken) == 2);
  reopen();
  CHECK(task(stored.task.id).next_run_at == at(70s));
  CHECK(task(stored.task.id).updated_at == stored.task.updated_at);
  const auto claimed = claim(at(20s));
  REQUIRE(claimed.size() == 2);
  CHECK(claimed[0].id == taken.executions[0].id);
  CHECK(claimed[0].run_id == taken.executions[0].id);
  CHECK(claimed[0].schedule_type == ScheduleType::cron);
}

TEST_CASE_METHOD(ScheduleFixture, "a step is taken once") {
  const NewWork stored = cron(acme, at(10s));
  insert(stored);
  CHECK(advance(step(stored, {at(10s)}, at(70s))) == 1);
  CHECK(advance(step(stored, {at(10s)}, at(80s))) == 0);
  CHECK(task(stored.task.id).next_run_at == at(70s));
  CHECK(claim(at(20s)).size() == 1);
}

TEST_CASE_METHOD(ScheduleFixture, "a step of a schedule that was edited meanwhile does nothing") {
  const NewWork stored = cron(acme, at(10s));
  insert(stored);
  auto late = step(stored, {at(10s)}, at(70s));
  late.expected_version -= 1us;
  CHECK(advance(late) == 0);
  CHECK(claim(at(20s)).empty());
}

TEST_CASE_METHOD(ScheduleFixture, "a step of a deleted task does nothing") {
  const NewWork stored = cron(acme, at(10s));
  insert(stored);
  (void)tasks().remove(write(stored.task.id, at(1s)));
  CHECK(advance(step(stored, {at(10s)}, at(70s))) == 0);
  CHECK(claim(at(20s)).empty());
}

TEST_CASE_METHOD(ScheduleFixture, "steps are answered one by one") {
  const NewWork taken = cron(acme, at(10s));
  const NewWork lost = cron(acme, at(10s));
  insert(taken);
  insert(lost);
  auto stale = step(lost, {at(10s)}, at(70s));
  stale.expected_next_run_at = at(9s);
  const std::vector steps{stale, step(taken, {at(10s)}, at(70s))};
  CHECK(schedules().advance(steps) == std::vector<std::size_t>{0, 1});
}

TEST_CASE_METHOD(ScheduleFixture, "a step that must not overlap skips while a run is pending or running") {
  NewWork stored = cron(acme, at(10s));
  insert(stored);
  CHECK(advance(step(stored, {at(10s)}, at(70s))) == 1);

  stored.task.next_run_at = at(70s);
  auto over_pending = step(stored, {at(70s)}, at(130s));
  over_pending.skip_if_live = true;
  CHECK(advance(over_pending) == 0);
  CHECK(task(stored.task.id).next_run_at == at(130s));

  const Claimed claimed = claim_one(at(20s));
  stored.task.next_run_at = at(130s);
  auto over_running = step(stored, {at(130s)}, at(190s));
  over_running.skip_if_live = true;
  CHECK(advance(over_running) == 0);

  (void)settle(settlement(claimed, ExecutionStatus::success, at(140s)));
  stored.task.next_run_at = at(190s);
  auto free = step(stored, {at(190s)}, at(250s));
  free.skip_if_live = true;
  CHECK(advance(free) == 1);
}

TEST_CASE_METHOD(ScheduleFixture, "occurrences that must not overlap do not overlap each other") {
  const NewWork stored = cron(acme, at(10s));
  insert(stored);
  auto missed = step(stored, {at(10s), at(20s), at(30s)}, at(70s));
  missed.skip_if_live = true;
  CHECK(advance(missed) == 1);
  CHECK(claim_one(at(40s)).scheduled_for == at(10s));
}

TEST_CASE_METHOD(ScheduleFixture, "a step can disable its task") {
  const NewWork stored = cron(acme, at(10s));
  insert(stored);
  auto broken = step(stored, {}, std::nullopt);
  broken.disable = AuditEntry{acme, at(11s), "system", "task.disabled", stored.task.id.text(), "The zone is gone."};
  CHECK(advance(broken) == 0);
  reopen();
  const Task found = task(stored.task.id);
  CHECK_FALSE(found.spec.enabled);
  CHECK_FALSE(found.next_run_at);
  CHECK(found.updated_at > stored.task.updated_at);
  CHECK(schedules().due(at(99s), 10).schedules.empty());
}

TEST_CASE_METHOD(ScheduleFixture, "occurrences of a queued cron task stand in its line") {
  NewWork stored = cron(acme, at(10s));
  stored.task.spec.queue = "mail";
  insert(stored);
  CHECK(advance(step(stored, {at(10s), at(11s)}, at(70s))) == 2);
  CHECK(claim(at(20s)).size() == 1);
}

TEST_CASE_METHOD(ScheduleFixture, "a step of another organisation's task does nothing") {
  const NewWork stored = cron(acme, at(10s));
  insert(stored);
  auto foreign = step(stored, {at(10s)}, at(70s));
  foreign.organization_id = other;
  CHECK(advance(foreign) == 0);
  CHECK(task(stored.task.id).next_run_at == at(10s));
}
