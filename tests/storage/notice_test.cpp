// Notices: what of all that happens is stored for whom.
#include <catch2/catch.hpp>
#include <thread>

#include "notice_fixture.hpp"
#include "punctual/queues.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr auto failed = NoticeEvent::task_failed;
constexpr auto recovered = NoticeEvent::task_recovered;
constexpr auto disabled = NoticeEvent::task_disabled;
constexpr auto stalled = NoticeEvent::queue_stalled;

AuditEntry disabling(OrganizationId organization, Time when) {
  return {organization, when, "system", "task.disabled", "x", "Target answered 410"};
}

}  // namespace

// ---- Whom.

TEST_CASE_METHOD(NoticeFixture, "every enabled channel that wants an event has its notice") {
  const Channel all = make_channel("all");
  const Channel failures = make_channel("failures", {failed, disabled});
  const Channel others = make_channel("others", {recovered, stalled});
  const Channel off = make_channel("off");
  set_enabled(off.id, false);
  Channel next_door = new_channel("next door");
  next_door.organization_id = other;
  REQUIRE(create(next_door) == WriteResult::applied);
  run(task_with_runs(), ExecutionStatus::failed, at(3s));
  CHECK(events(all) == Events{failed});
  CHECK(events(failures) == Events{failed});
  CHECK(events(others).empty());
  CHECK(events(off).empty());
  CHECK(events(next_door).empty());
}

TEST_CASE_METHOD(NoticeFixture,
                 "without a channel nothing is stored, and nothing is made up for one that comes later") {
  const TaskId id = task_with_runs();
  run(id, ExecutionStatus::failed, at(3s));
  CHECK(channels().sizes(10).waiting == 0);
  const Channel channel = make_channel();
  run(id, ExecutionStatus::failed, at(4s));
  CHECK(events(channel).empty());
  run(id, ExecutionStatus::success, at(5s));
  CHECK(events(channel) == Events{recovered});
}

TEST_CASE_METHOD(NoticeFixture, "a notice says what has happened, when and to what") {
  const Channel channel = make_channel();
  const TaskId id = task_with_runs();
  const Claimed claimed = run(id, ExecutionStatus::failed, at(3s + 7us));
  reopen();
  const auto stored = notices(channel);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].event == failed);
  CHECK(stored[0].occurred_at == at(3s + 7us));
  CHECK(stored[0].subject.empty());
  CHECK(stored[0].detail.empty());
  CHECK(stored[0].task_id == id);
  CHECK(stored[0].execution_id == claimed.id);
  CHECK(stored[0].attempts == 0);
  CHECK(stored[0].next_at == at(3s + 7us));
  CHECK_FALSE(stored[0].dead_at);
  CHECK(stored[0].last_error.empty());
  // Version 7, of its instant.
  CHECK((stored[0].id.value.bytes[6] & 0xf0) == 0x70);
  CHECK((stored[0].id.value.bytes[8] & 0xc0) == 0x80);
}

TEST_CASE_METHOD(NoticeFixture, "ids of notices follow the instants they tell of") {
  const Channel channel = make_channel();
  fail_tasks(1, at(7s));
  fail_tasks(1, at(5s));
  fail_tasks(1, at(6s));
  std::vector<Time> instants;
  for (const NoticeRecord& one : notices(channel)) instants.push_back(one.occurred_at);
  CHECK(instants == std::vector{at(5s), at(6s), at(7s)});
}

// ---- Tasks that fail and recover.

TEST_CASE_METHOD(NoticeFixture, "a task fails once, however often, until it has recovered") {
  const Channel channel = make_channel();
  const TaskId id = task_with_runs();
  run(id, ExecutionStatus::success, at(2s));
  CHECK(events(channel).empty());
  run(id, ExecutionStatus::failed, at(3s));
  run(id, ExecutionStatus::timeout, at(4s));
  reopen();
  run(id, ExecutionStatus::missed, at(5s));
  CHECK(events(channel) == Events{failed});
  run(id, ExecutionStatus::success, at(6s));
  run(id, ExecutionStatus::success, at(7s));
  CHECK(events(channel) == Events{failed, recovered});
  run(id, ExecutionStatus::missed, at(8s));
  CHECK(events(channel) == Events{failed, recovered, failed});
}

TEST_CASE_METHOD(NoticeFixture, "a recovery says since when the task had failed, a failure when its run was due") {
  make_channel();
  const TaskId id = task_with_runs();
  Settlement first = settlement(start_run(id, at(1s)), ExecutionStatus::failed, at(3s));
  first.retry = Retry{next_id<ExecutionId>(), at(9s)};
  CHECK(settle(first) == SettleOutcome::settled);
  CHECK(settle(settlement(claim_one(at(9s)), ExecutionStatus::failed, at(10s))) == SettleOutcome::settled);
  const Notice failure = claim_notice(at(60s));
  CHECK(failure.event == failed);
  CHECK(failure.since == at(1s));
  deliver({failure});
  run(id, ExecutionStatus::failed, at(20s));
  run(id, ExecutionStatus::success, at(30s));
  const Notice recovery = claim_notice(at(60s));
  CHECK(recovery.event == recovered);
  CHECK(recovery.since == at(10s));
}

TEST_CASE_METHOD(NoticeFixture, "an attempt that is tried again is no failure, and its success no recovery") {
  const Channel channel = make_channel();
  const TaskId id = task_with_runs();
  Settlement first = settlement(start_run(id), ExecutionStatus::failed, at(3s));
  first.retry = Retry{next_id<ExecutionId>(), at(4s)};
  CHECK(settle(first) == SettleOutcome::settled);
  CHECK(settle(settlement(claim_one(at(4s)), ExecutionStatus::success, at(5s))) == SettleOutcome::settled);
  CHECK(events(channel).empty());
}

TEST_CASE_METHOD(NoticeFixture, "a failure whose retry is refused is one of the task") {
  const Channel channel = make_channel();
  const TaskId id = task_with_runs([](TaskSpec& spec) { spec.enabled = false; });
  Settlement item = settlement(start_run(id), ExecutionStatus::failed, at(3s));
  item.retry = Retry{next_id<ExecutionId>(), at(4s)};
  CHECK(settle(item) == SettleOutcome::settled_without_retry);
  CHECK(events(channel) == Events{failed});
}

TEST_CASE_METHOD(NoticeFixture, "a cancelled run neither fails nor recovers a task, nor ends its failing") {
  const Channel channel = make_channel();
  const TaskId id = task_with_runs();
  run(id, ExecutionStatus::cancelled, at(2s));
  CHECK(events(channel).empty());
  run(id, ExecutionStatus::failed, at(3s));
  run(id, ExecutionStatus::cancelled, at(4s));
  run(id, ExecutionStatus::failed, at(5s));
  CHECK(events(channel) == Events{failed});
  run(id, ExecutionStatus::cancelled, at(6s));
  run(id, ExecutionStatus::success, at(7s));
  CHECK(events(channel) == Events{failed, recovered});
}

TEST_CASE_METHOD(NoticeFixture, "several ends of a task in one batch count in the order of their instants") {
  const Channel channel = make_channel();
  const TaskId id = task_with_runs();
  std::vector<Claimed> claimed;
  for (int i = 0; i < 7; ++i) claimed.push_back(start_run(id));
  // Fails at 2 s, recovers at 4 s, fails at 6 s; what was cancelled does not count.
  const std::vector batch{settlement(claimed[0], ExecutionStatus::success, at(4s)),
                          settlement(claimed[1], ExecutionStatus::timeout, at(3s)),
                          settlement(claimed[2], ExecutionStatus::failed, at(2s)),
                          settlement(claimed[3], ExecutionStatus::cancelled, at(8s)),
                          settlement(claimed[4], ExecutionStatus::missed, at(7s)),
                          settlement(claimed[5], ExecutionStatus::failed, at(6s)),
                          settlement(claimed[6], ExecutionStatus::success, at(5s))};
  (void)work().settle(batch);
  const auto stored = notices(channel);
  REQUIRE(stored.size() == 3);
  CHECK(stored[0].event == failed);
  CHECK(stored[0].execution_id == claimed[2].id);
  CHECK(stored[1].event == recovered);
  CHECK(stored[1].execution_id == claimed[0].id);
  CHECK(stored[2].event == failed);
  CHECK(stored[2].execution_id == claimed[5].id);
  deliver({claim_notice(at(60s))});
  CHECK(claim_notice(at(60s)).since == at(2s));
  // The streak that goes on began at 6 s.
  run(id, ExecutionStatus::failed, at(9s));
  run(id, ExecutionStatus::success, at(10s));
  const auto later = notices(channel);
  REQUIRE(later.size() == 3);
  CHECK(later[2].event == recovered);
}

TEST_CASE_METHOD(NoticeFixture, "a streak goes on from batch to batch, and keeps its beginning") {
  make_channel("recoveries", {recovered});
  const TaskId id = task_with_runs();
  for (int round = 0; round < 3; ++round) {
    std::vector<Settlement> batch;
    for (int i = 0; i < 2; ++i) {
      batch.push_back(settlement(start_run(id), ExecutionStatus::failed, at(seconds{3 + 2 * round + i})));
    }
    (void)work().settle(batch);
  }
  const std::vector last{settlement(start_run(id), ExecutionStatus::failed, at(20s)),
                         settlement(start_run(id), ExecutionStatus::success, at(21s))};
  (void)work().settle(last);
  CHECK(claim_notice(at(60s)).since == at(3s));
}

TEST_CASE_METHOD(NoticeFixture, "a stale result stores no notice, one that is written twice stores one") {
  const Channel channel = make_channel();
  const TaskId id = task_with_runs();
  Settlement item = settlement(start_run(id), ExecutionStatus::failed, at(3s));
  Settlement stale = item;
  stale.token = next_token();
  CHECK(settle(stale) == SettleOutcome::stale);
  CHECK(events(channel).empty());
  CHECK(settle(item) == SettleOutcome::settled);
  CHECK(settle(item) == SettleOutcome::stale);
  CHECK(events(channel) == Events{failed});
}

TEST_CASE_METHOD(NoticeFixture, "a task says itself whether it is told of, else its organisation does") {
  const Channel channel = make_channel();
  // How many failures and recoveries are told of a task that has one of each.
  const auto told = [&](std::optional<bool> on_failure, std::optional<bool> on_recovery) {
    const TaskId id = task_with_runs([&](TaskSpec& spec) {
      spec.notify_on_failure = on_failure;
      spec.notify_on_recovery = on_recovery;
    });
    run(id, ExecutionStatus::failed, at(3s));
    run(id, ExecutionStatus::success, at(4s));
    std::pair<int, int> counts;
    for (const NoticeRecord& one : notices(channel)) {
      if (one.task_id == id) ++(one.event == failed ? counts.first : counts.second);
    }
    return counts;
  };
  using Counts = std::pair<int, int>;
  CHECK(told({}, {}) == Counts{1, 1});
  CHECK(told(false, {}) == Counts{0, 1});
  CHECK(told({}, false) == Counts{1, 0});
  change_organization([](Organization& one) { one.notify_on_failure = one.notify_on_recovery = false; });
  CHECK(told({}, {}) == Counts{0, 0});
  CHECK(told(true, {}) == Counts{1, 0});
  CHECK(told({}, true) == Counts{0, 1});
}

TEST_CASE_METHOD(NoticeFixture, "whether an organisation is told of failures and recoveries is kept") {
  Organization made{next_id<OrganizationId>(), "quiet", {"whsec_1"}, at(2s), std::nullopt};
  made.notify_on_failure = false;
  store().directory().create_organization(made);
  change_organization([](Organization& one) { one.notify_on_recovery = false; });
  store().directory().create_key({next_id<KeyId>(), acme, "pk_live_x", {}, at(0s), {}, {}});
  reopen();
  const auto quiet = store().directory().find_organization("quiet");
  REQUIRE(quiet);
  CHECK_FALSE(quiet->notify_on_failure);
  CHECK(quiet->notify_on_recovery);
  const Organization owner = store().directory().find_key("pk_live_x")->organization;
  CHECK(owner.notify_on_failure);
  CHECK_FALSE(owner.notify_on_recovery);
  const auto all = store().directory().list_organizations();
  REQUIRE(all.size() == 3);
  CHECK_FALSE(all[0].notify_on_recovery);
  CHECK(all[1].notify_on_recovery);
  CHECK_FALSE(all[2].notify_on_failure);
}

TEST_CASE_METHOD(NoticeFixture,
                 "a task fails and recovers exactly once, however many of its runs end at the same time") {
  constexpr int threads = 8;
  const Channel channel = make_channel();
  const auto second = open_another();
  for (int round = 0; round < 5; ++round) {
    const TaskId id = task_with_runs();
    for (const auto status : {ExecutionStatus::failed, ExecutionStatus::success}) {
      std::vector<Claimed> claimed;
      for (int i = 0; i < threads; ++i) claimed.push_back(start_run(id));
      std::vector<std::thread> settlers;
      for (int i = 0; i < threads; ++i) {
        settlers.emplace_back([&, i] {
          WorkStore& writer = i % 2 == 0 ? work() : second->work();
          const Settlement item = settlement(claimed[static_cast<std::size_t>(i)], status, at(3s + 1us * i));
          (void)writer.settle({&item, 1});
        });
      }
      for (auto& settler : settlers) settler.join();
    }
    std::pair<int, int> counts;
    for (const NoticeRecord& one : notices(channel)) {
      if (one.task_id == id) ++(one.event == failed ? counts.first : counts.second);
    }
    CHECK(counts == std::pair{1, 1});
  }
}

// ---- Tasks that are disabled.

TEST_CASE_METHOD(NoticeFixture, "a task that is disabled by the answer of its target is told of") {
  const Channel channel = make_channel("disabled", {disabled});
  const TaskId id = task_with_runs();
  const Claimed claimed = start_run(id);
  Settlement item = settlement(claimed, ExecutionStatus::failed, at(3s));
  item.disable = disabling(acme, at(4s));
  CHECK(settle(item) == SettleOutcome::settled);
  const auto stored = notices(channel);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].event == disabled);
  CHECK(stored[0].occurred_at == at(4s));
  CHECK(stored[0].detail == "Target answered 410");
  CHECK(stored[0].task_id == id);
  CHECK(stored[0].execution_id == claimed.id);
}

TEST_CASE_METHOD(NoticeFixture, "a task that is gone is not disabled, and nobody is told") {
  const Channel channel = make_channel("disabled", {disabled});
  const TaskId id = task_with_runs();
  const Claimed claimed = start_run(id);
  CHECK(tasks().remove(write(id, at(2s), {&claimed.id, 1})).result == WriteResult::applied);
  Settlement item = settlement(claimed, ExecutionStatus::failed, at(3s));
  item.disable = disabling(acme, at(4s));
  CHECK(settle(item) == SettleOutcome::settled);
  CHECK(events(channel).empty());
}

TEST_CASE_METHOD(NoticeFixture, "a schedule that cannot be followed is told of") {
  const Channel channel = make_channel();
  const NewWork stored = cron(acme, at(60s));
  insert(stored);
  ScheduleStep step{stored.task.id, acme, at(60s), stored.task.updated_at, {}, false, {}, disabling(acme, at(61s))};
  (void)store().schedules().advance({&step, 1});
  const auto told = notices(channel);
  REQUIRE(told.size() == 1);
  CHECK(told[0].event == disabled);
  CHECK(told[0].occurred_at == at(61s));
  CHECK(told[0].detail == "Target answered 410");
  CHECK(told[0].task_id == stored.task.id);
  CHECK_FALSE(told[0].execution_id);
  // The step has been taken.
  (void)store().schedules().advance({&step, 1});
  CHECK(notices(channel).size() == 1);
  // No run of it is told of, but where it would have been sent is.
  const Notice notice = claim_notice(at(62s));
  CHECK_FALSE(notice.execution);
  CHECK(notice.task_name == stored.task.spec.name);
  CHECK(notice.task_url == stored.task.spec.url);
  CHECK(notice.task_method == stored.task.spec.method);
}

// ---- Quotas and hosts.

TEST_CASE_METHOD(NoticeFixture, "a quota that comes to its end is told of, each level once") {
  const Channel channel = make_channel();
  change_organization([](Organization& one) { one.limits.monthly_executions = 5; });
  const auto take = [&] {
    (void)store().quotas().take_notices(at(5s), [&](const QuotaNotice& notice) {
      return AuditEntry{notice.organization_id, at(5s), "system", "quota", "x", std::to_string(notice.use.used)};
    });
  };
  for (int i = 0; i < 4; ++i) insert(once(acme, at(1s)));
  take();
  take();
  auto stored = notices(channel);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].event == NoticeEvent::quota_warning);
  CHECK(stored[0].occurred_at == at(5s));
  CHECK(stored[0].detail == "4");
  CHECK_FALSE(stored[0].task_id);
  insert(once(acme, at(1s)));
  take();
  stored = notices(channel);
  REQUIRE(stored.size() == 2);
  CHECK(std::count_if(stored.begin(), stored.end(), [](const NoticeRecord& one) {
          return one.event == NoticeEvent::quota_reached && one.detail == "5";
        }) == 1);
}

TEST_CASE_METHOD(NoticeFixture, "a circuit that opens is told of, one that stays open is not") {
  using Kind = HostReport::Kind;
  const Channel channel = make_channel();
  const HostKey host{acme, "example.com:443"};
  const auto report = [&](Kind kind, Time when, std::optional<ExecutionId> execution = {}) {
    (void)store().hosts().report(std::vector{HostReport{host, kind, when, when + 60s, execution}});
  };
  report(Kind::failed, at(5s));
  auto stored = notices(channel);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].event == NoticeEvent::host_circuit_opened);
  CHECK(stored[0].occurred_at == at(5s));
  CHECK(stored[0].subject == "example.com:443");
  report(Kind::failed, at(6s));
  // Its trial fails: it stays open for longer.
  insert(once(acme, at(40s)));
  const Claimed claimed = claim_one(at(40s));
  const HostQuestion question{claimed.id, claimed.token, host, claimed.task_updated_at, 30s, {}};
  REQUIRE(store().hosts().ask({&question, 1}, at(40s)).at(0) == HostAnswer::trial);
  report(Kind::failed, at(41s), claimed.id);
  CHECK(notices(channel).size() == 1);
  // A host that asks for a pause has no open circuit.
  const HostKey polite{acme, "polite.example:443"};
  (void)store().hosts().report(std::vector{HostReport{polite, Kind::asked, at(42s), at(99s), {}}});
  CHECK(notices(channel).size() == 1);
  // Closed and opened anew.
  report(Kind::dismissed, at(50s));
  report(Kind::failed, at(51s));
  CHECK(notices(channel).size() == 2);
}

// ---- Queues that stand still.

namespace {

struct StalledFixture : NoticeFixture {
  // The attempt that is due at `now` fails, and is tried again at `next`.
  void fail_head(Time now, Time next) {
    Settlement item = settlement(claim_one(now), ExecutionStatus::failed, now);
    item.retry = Retry{next_id<ExecutionId>(), next};
    REQUIRE(settle(item) == SettleOutcome::settled);
  }
  [[nodiscard]] std::vector<StalledQueue> note(Time now) { return channels().note_stalled_queues(now, 300s); }
};

}  // namespace

TEST_CASE_METHOD(StalledFixture, "a queue whose head fails for longer than the patience is told of, once") {
  const Channel channel = make_channel("stalled", {stalled});
  insert(once(acme, at(1s), "mail"));
  insert(once(acme, at(2s), "mail"));
  fail_head(at(1s), at(100s));
  CHECK(note(at(301s)).empty());
  const auto noted = note(at(302s));
  REQUIRE(noted.size() == 1);
  CHECK(noted[0].organization_id == acme);
  CHECK(noted[0].name == "mail");
  CHECK(noted[0].since == at(1s));
  const auto stored = notices(channel);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].event == stalled);
  CHECK(stored[0].occurred_at == at(302s));
  CHECK(stored[0].subject == "mail");
  CHECK(claim_notice(at(302s)).since == at(1s));
  CHECK(note(at(303s)).empty());
  // The same run goes on failing.
  fail_head(at(303s), at(1000s));
  reopen();
  CHECK(note(at(900s)).empty());
}

TEST_CASE_METHOD(StalledFixture, "the next run at the head of a queue is told of by itself") {
  make_channel();
  insert(once(acme, at(1s), "mail"));
  insert(once(acme, at(2s), "mail"));
  fail_head(at(1s), at(100s));
  CHECK(note(at(400s)).size() == 1);
  CHECK(settle(settlement(claim_one(at(400s)), ExecutionStatus::success, at(401s))) == SettleOutcome::settled);
  // What only waits for its turn does not keep anybody waiting.
  CHECK(note(at(500s)).empty());
  fail_head(at(500s), at(900s));
  CHECK(note(at(501s)).size() == 1);
  CHECK(note(at(502s)).empty());
}

TEST_CASE_METHOD(StalledFixture, "a queue whose head is being sent, that is paused or empty stands not still") {
  make_channel();
  insert(once(acme, at(1s), "mail"));
  fail_head(at(1s), at(100s));
  const Claimed head = claim_one(at(400s));
  CHECK(note(at(400s)).empty());
  const ClaimRef claim{head.id, head.token};
  work().release({&claim, 1});
  CHECK(store().queues().pause(write({}, at(400s)), "mail").write.result == WriteResult::applied);
  CHECK(note(at(400s)).empty());
  CHECK(store().queues().resume(write({}, at(400s)), "mail").result == WriteResult::applied);
  CHECK(note(at(400s)).size() == 1);
  CHECK(settle(settlement(claim_one(at(401s)), ExecutionStatus::success, at(402s))) == SettleOutcome::settled);
  CHECK(note(at(900s)).empty());
}

TEST_CASE_METHOD(StalledFixture, "a queue whose head is held for its host is told of") {
  make_channel("stalled", {stalled});
  insert(once(acme, at(10s), "mail"));
  const HostKey host{acme, "example.com:443"};
  (void)store().hosts().report(std::vector{HostReport{host, HostReport::Kind::asked, at(9s), at(9000s), {}}});
  const Claimed head = claim_one(at(10s));
  const HostQuestion question{head.id, head.token, host, head.task_updated_at, 30s, {}};
  REQUIRE(store().hosts().ask({&question, 1}, at(10s)).at(0) == HostAnswer::held);
  CHECK(note(at(310s)).empty());
  const auto noted = note(at(311s));
  REQUIRE(noted.size() == 1);
  CHECK(noted[0].since == at(10s));
  CHECK(note(at(312s)).empty());
}

TEST_CASE_METHOD(StalledFixture, "queues are watched where a channel wants it") {
  insert(once(acme, at(1s), "mail"));
  fail_head(at(1s), at(100s));
  CHECK(note(at(400s)).empty());
  make_channel("failures", {failed});
  CHECK(note(at(400s)).empty());
  const Channel off = make_channel("off", {stalled});
  set_enabled(off.id, false);
  CHECK(note(at(400s)).empty());
  set_enabled(off.id, true);
  CHECK(note(at(400s)).size() == 1);
  CHECK(events(off) == Events{stalled});
}

TEST_CASE_METHOD(StalledFixture, "every queue that stands still is told of once, however many look at the same time") {
  constexpr int queues = 30;
  const Channel channel = make_channel();
  for (int i = 0; i < queues; ++i) insert(once(acme, at(1s), "queue " + std::to_string(i)));
  std::vector<Settlement> batch;
  for (const Claimed& one : claim(at(1s))) {
    batch.push_back(settlement(one, ExecutionStatus::failed, at(2s)));
    batch.back().retry = Retry{next_id<ExecutionId>(), at(100s)};
  }
  REQUIRE(batch.size() == queues);
  (void)work().settle(batch);
  const auto second = open_another();
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      Channels& mine = i % 2 == 0 ? channels() : second->channels();
      (void)mine.note_stalled_queues(at(400s), 300s);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(notices(channel).size() == queues);
}
