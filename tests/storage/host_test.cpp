// Hosts that are not to be sent to, and what waits for them.
#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <thread>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using Kind = HostReport::Kind;

namespace {

struct HostFixture : StorageFixture {
  HostStates& hosts() { return store().hosts(); }

  // The host's circuit opens at `at`.
  void fail(Time at) { (void)hosts().report(std::vector{HostReport{host, Kind::failed, at, {}, std::nullopt}}); }
  void report(Kind kind, Time at, std::optional<ExecutionId> execution, Time until = {}) {
    (void)hosts().report(std::vector{HostReport{host, kind, at, until, execution}});
  }

  [[nodiscard]] HostQuestion question(const Claimed& claimed) const {
    HostQuestion out;
    out.id = claimed.id;
    out.token = claimed.token;
    out.host = host;
    out.task_updated_at = claimed.task_updated_at;
    out.timeout = 30s;
    if (claimed.expires_in) out.expires_at = claimed.scheduled_for + *claimed.expires_in;
    return out;
  }
  HostAnswer ask(const Claimed& claimed, Time now) {
    const auto answers = hosts().ask(std::vector{question(claimed)}, now);
    REQUIRE(answers.size() == 1);
    return answers[0];
  }
  // A task due at `due`, claimed then and held. Its execution.
  ExecutionId held(Time due, std::optional<std::string> queue = std::nullopt) {
    insert(once(acme, due, std::move(queue)));
    const Claimed claimed = claim_one(due);
    REQUIRE(ask(claimed, due) == HostAnswer::held);
    return claimed.id;
  }
  [[nodiscard]] std::optional<HostState> state() {
    const auto all = hosts().list();
    REQUIRE(all.size() <= 1);
    if (all.empty()) return std::nullopt;
    return all[0];
  }

  const HostKey host{acme, "example.com:443"};
};

}  // namespace

TEST_CASE_METHOD(HostFixture, "of a host that nobody has reported nothing is the matter") {
  insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(1s));
  CHECK(ask(claimed, at(1s)) == HostAnswer::send);
  CHECK(hosts().list().empty());
  CHECK(hosts().advance(at(2s)).executions == 0);
  CHECK(hosts().count_held(10) == 0);
  CHECK(status(claimed.id) == ExecutionStatus::running);
}

TEST_CASE_METHOD(HostFixture, "a reported failure closes the host, also after a restart") {
  fail(at(5s));
  reopen();
  const auto found = state();
  REQUIRE(found);
  CHECK(found->host == host);
  CHECK(found->phase == HostPhase::failing);
  CHECK(found->until == at(35s));
  CHECK(found->openings == 1);
}

TEST_CASE_METHOD(HostFixture, "a second report of the same failures changes nothing") {
  const HostReport failed{host, Kind::failed, at(5s), {}, std::nullopt};
  CHECK(hosts().report(std::vector{failed}).size() == 1);
  const auto before = state();
  CHECK(hosts().report(std::vector{failed}).empty());
  CHECK(state() == before);
}

TEST_CASE_METHOD(HostFixture, "what is held is pending as it was, and claimed by nobody") {
  fail(at(0s));
  const auto id = held(at(1s));
  CHECK(hosts().count_held(10) == 1);
  reopen();
  const Execution found = execution(id);
  CHECK(found.status == ExecutionStatus::pending);
  CHECK(found.attempt == 1);
  CHECK(found.scheduled_for == at(1s));
  CHECK(store().leases().held(node).empty());
  const auto result = work().claim(claim_request(at(1h), 10));
  CHECK(result.claimed.empty());
  CHECK_FALSE(result.next_due);
}

TEST_CASE_METHOD(HostFixture, "other hosts, and the same host of another organisation, are not closed") {
  fail(at(0s));
  insert(once(acme, at(1s)));
  insert(once(other, at(1s)));
  for (const Claimed& claimed : claim(at(1s))) {
    HostQuestion asked = question(claimed);
    asked.host.organization_id = claimed.organization_id;
    if (claimed.organization_id == acme) asked.host.name = "example.com:80";
    CHECK(hosts().ask(std::vector{asked}, at(1s)) == std::vector{HostAnswer::send});
  }
}

TEST_CASE_METHOD(HostFixture, "when the pause is over the earliest one is let go as the trial, and no other") {
  fail(at(0s));
  const auto second = held(at(2s));
  const auto first = held(at(1s));
  CHECK(hosts().advance(at(29s)).executions == 0);
  const LetGo gone = hosts().advance(at(30s));
  CHECK(gone.executions == 1);
  CHECK(gone.earliest == at(1s));
  CHECK(hosts().advance(at(30s)).executions == 0);
  const Claimed trial = claim_one(at(30s));
  CHECK(trial.id == first);
  CHECK(ask(trial, at(30s)) == HostAnswer::trial);
  CHECK(ask(trial, at(30s)) == HostAnswer::trial);  // the answer was lost
  insert(once(acme, at(31s)));
  CHECK(ask(claim_one(at(31s)), at(31s)) == HostAnswer::held);
  CHECK(hosts().advance(at(59s)).executions == 0);
  CHECK(status(second) == ExecutionStatus::pending);
  CHECK(hosts().count_held(10) == 2);
}

TEST_CASE_METHOD(HostFixture, "where nothing is held the next one to be sent is the trial") {
  fail(at(0s));
  CHECK(hosts().advance(at(30s)).executions == 0);
  insert(once(acme, at(40s)));
  insert(once(acme, at(40s)));
  const auto claimed = claim(at(40s));
  REQUIRE(claimed.size() == 2);
  CHECK(hosts().ask(std::vector{question(claimed[0]), question(claimed[1])}, at(40s)) ==
        std::vector{HostAnswer::trial, HostAnswer::held});
  CHECK(state()->trial == claimed[0].id);
}

TEST_CASE_METHOD(HostFixture, "every trial that fails makes the pause longer, up to five minutes") {
  fail(at(0s));
  Time now = at(0s);
  int openings = 1;
  for (const seconds pause : {30s, 60s, 120s, 300s, 300s}) {
    CHECK(state()->until == now + pause);
    CHECK(state()->openings == openings);
    insert(once(acme, now));
    const Claimed claimed = claim_one(now);
    REQUIRE(ask(claimed, now) == HostAnswer::held);
    now += pause;
    REQUIRE(hosts().advance(now).executions == 1);
    const Claimed trial = claim_one(now);
    REQUIRE(ask(trial, now) == HostAnswer::trial);
    report(Kind::failed, now, trial.id);
    (void)settle(settlement(trial, ExecutionStatus::failed, now));
    ++openings;
  }
}

TEST_CASE_METHOD(HostFixture, "a trial that is answered opens the host, and what waits goes, more and more") {
  fail(at(0s));
  for (int i = 0; i < 21; ++i) (void)held(at(seconds{i + 1}));
  REQUIRE(hosts().advance(at(30s)).executions == 1);
  const Claimed trial = claim_one(at(30s));
  REQUIRE(ask(trial, at(30s)) == HostAnswer::trial);
  const auto changes = hosts().report(std::vector{HostReport{host, Kind::answered, at(31s), {}, trial.id}});
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].kind == HostChange::Kind::opened);
  std::vector<std::size_t> gone;
  for (int step = 0; step < 6; ++step) {
    const Time now = at(31s + step * 100ms);
    gone.push_back(hosts().advance(now).executions);
    CHECK(hosts().advance(now + 50ms).executions == 0);
  }
  CHECK(gone == std::vector<std::size_t>{1, 2, 4, 8, 5, 0});
  CHECK(hosts().list().empty());
  CHECK(claim(at(40s)).size() == 20);
}

TEST_CASE_METHOD(HostFixture, "a host that fails while it opens is closed again, and what is left stays") {
  fail(at(0s));
  for (int i = 0; i < 5; ++i) (void)held(at(seconds{i + 1}));
  REQUIRE(hosts().advance(at(30s)).executions == 1);
  const Claimed trial = claim_one(at(30s));
  REQUIRE(ask(trial, at(30s)) == HostAnswer::trial);
  report(Kind::answered, at(31s), trial.id);
  REQUIRE(hosts().advance(at(31s)).executions == 1);
  fail(at(32s));
  CHECK(state()->until == at(62s));
  CHECK(state()->openings == 1);
  CHECK(hosts().advance(at(61s)).executions == 0);
  CHECK(hosts().count_held(10) == 3);
}

TEST_CASE_METHOD(HostFixture, "a trial that nobody sends or ends is lost after a while, and there is another one") {
  fail(at(0s));
  const auto first = held(at(1s));
  const auto second = held(at(2s));
  REQUIRE(hosts().advance(at(30s)).executions == 1);
  CHECK(hosts().advance(at(59s)).executions == 0);
  REQUIRE(hosts().advance(at(60s)).executions == 1);
  // Both are claimed now; one of them is the trial.
  const auto claimed = claim(at(61s));
  REQUIRE(ids_of(claimed) == std::vector{first, second});
  CHECK(ask(claimed[0], at(61s)) == HostAnswer::held);
  CHECK(ask(claimed[1], at(61s)) == HostAnswer::trial);
  // Its time-out of 30 s and 30 s more pass.
  CHECK(hosts().advance(at(120s)).executions == 0);
  CHECK(hosts().advance(at(121s)).executions == 1);
}

TEST_CASE_METHOD(HostFixture, "a trial that says nothing of the host makes room for another one at once") {
  fail(at(0s));
  (void)held(at(1s));
  (void)held(at(2s));
  REQUIRE(hosts().advance(at(30s)).executions == 1);
  const Claimed trial = claim_one(at(30s));
  REQUIRE(ask(trial, at(30s)) == HostAnswer::trial);
  report(Kind::nothing, at(31s), trial.id);
  CHECK(hosts().advance(at(31s)).executions == 1);
}

TEST_CASE_METHOD(HostFixture, "what ends that was not the trial says nothing of a closed host") {
  fail(at(0s));
  const auto before = state();
  for (const Kind kind : {Kind::failed, Kind::answered, Kind::nothing}) {
    report(kind, at(31s), next_id<ExecutionId>());
    CHECK(state() == before);
  }
}

TEST_CASE_METHOD(HostFixture, "a host that asks for a pause is closed until then, the longest one counts") {
  report(Kind::asked, at(0s), std::nullopt, at(90s));
  report(Kind::asked, at(1s), std::nullopt, at(60s));
  CHECK(state()->until == at(90s));
  report(Kind::asked, at(2s), std::nullopt, at(95s));
  CHECK(state()->until == at(95s));
  const auto id = held(at(3s));
  CHECK(hosts().advance(at(94s)).executions == 0);
  const LetGo gone = hosts().advance(at(95s));
  CHECK(gone.executions == 1);
  REQUIRE(gone.changes.size() == 1);
  CHECK(gone.changes[0].kind == HostChange::Kind::opened);
  const Claimed claimed = claim_one(at(95s));
  CHECK(claimed.id == id);
  CHECK(ask(claimed, at(95s)) == HostAnswer::send);
}

TEST_CASE_METHOD(HostFixture, "a wish for a pause makes the pause of an open circuit longer, not shorter") {
  fail(at(0s));
  report(Kind::asked, at(1s), std::nullopt, at(20s));
  CHECK(state()->until == at(30s));
  report(Kind::asked, at(1s), std::nullopt, at(50s));
  CHECK(state()->until == at(50s));
  CHECK(state()->phase == HostPhase::failing);
}

TEST_CASE_METHOD(HostFixture, "a trial that asks for a pause closes the circuit and the host") {
  fail(at(0s));
  (void)held(at(1s));
  REQUIRE(hosts().advance(at(30s)).executions == 1);
  const Claimed trial = claim_one(at(30s));
  REQUIRE(ask(trial, at(30s)) == HostAnswer::trial);
  report(Kind::asked, at(31s), trial.id, at(91s));
  CHECK(state()->phase == HostPhase::asked);
  CHECK(state()->until == at(91s));
}

TEST_CASE_METHOD(HostFixture, "a circuit that nothing waits for is forgotten after an hour") {
  fail(at(0s));
  (void)hosts().advance(at(30s));
  REQUIRE(state());
  (void)hosts().advance(at(59min));
  REQUIRE(state());
  (void)hosts().advance(at(61min));
  CHECK_FALSE(state());
}

TEST_CASE_METHOD(HostFixture, "a host that is dismissed opens") {
  fail(at(0s));
  (void)held(at(1s));
  report(Kind::dismissed, at(2s), std::nullopt);
  CHECK(hosts().advance(at(2s)).executions == 1);
  CHECK(claim(at(3s)).size() == 1);
}

TEST_CASE_METHOD(HostFixture, "a claim that was lost is neither sent nor held") {
  insert(once(acme, at(1s)));
  const Claimed lost = claim_one(at(1s));
  const ClaimRef given_back{lost.id, lost.token};
  work().release({&given_back, 1});
  const Claimed mine = claim_one(at(2s));
  CHECK(ask(lost, at(2s)) == HostAnswer::held);
  fail(at(2s));
  CHECK(ask(lost, at(3s)) == HostAnswer::held);
  CHECK(status(mine.id) == ExecutionStatus::running);
  CHECK(hosts().count_held(10) == 0);
  CHECK(settle(settlement(mine, ExecutionStatus::success, at(4s))) == SettleOutcome::settled);
}

TEST_CASE_METHOD(HostFixture, "what was claimed when it was inserted is held like all else") {
  fail(at(0s));
  NewWork born = once(acme, at(1s));
  born.claim = next_token();
  insert(born);
  Claimed claimed;
  claimed.id = born.execution->id;
  claimed.token = *born.claim;
  claimed.task_updated_at = born.task.updated_at;
  CHECK(ask(claimed, at(1s)) == HostAnswer::held);
  CHECK(status(claimed.id) == ExecutionStatus::pending);
  CHECK(claim(at(2s)).empty());
  REQUIRE(hosts().advance(at(30s)).executions == 1);
  CHECK(claim_one(at(30s)).id == claimed.id);
}

TEST_CASE_METHOD(HostFixture, "a held execution has no place among the running of its organisation") {
  REQUIRE(store().directory().set_max_concurrent(acme, 1));
  fail(at(0s));
  (void)held(at(1s));
  const NewWork next = once(acme, at(2s));
  insert(next);
  CHECK(claim_one(at(2s)).id == next.execution->id);
}

TEST_CASE_METHOD(HostFixture, "a held execution is let go when it expires, whatever its host") {
  fail(at(0s));
  NewWork brief = once(acme, at(1s));
  brief.task.spec.expires_in = 10s;
  insert(brief);
  REQUIRE(ask(claim_one(at(1s)), at(1s)) == HostAnswer::held);
  (void)held(at(2s));
  CHECK(hosts().advance(at(10s)).executions == 0);
  const LetGo gone = hosts().advance(at(11s));
  CHECK(gone.executions == 1);
  CHECK(gone.earliest == at(1s));
  CHECK(claim_one(at(12s)).id == brief.execution->id);
  CHECK(hosts().advance(at(12s)).executions == 0);
}

TEST_CASE_METHOD(HostFixture, "deleting a task cancels its held execution") {
  fail(at(0s));
  const auto id = held(at(1s));
  CHECK(tasks().remove(write(execution(id).task_id, at(2s))).result == WriteResult::applied);
  CHECK(status(id) == ExecutionStatus::cancelled);
  CHECK(hosts().count_held(10) == 0);
  CHECK(hosts().advance(at(30s)).executions == 0);
}

TEST_CASE_METHOD(HostFixture, "changing a task lets its held execution go, which may have another host now") {
  fail(at(0s));
  const auto id = held(at(1s));
  Task changed = task(execution(id).task_id);
  changed.spec.url = "https://elsewhere.example/";
  const auto outcome = tasks().update(write(changed.id, at(2s)), change_to(changed));
  CHECK(outcome.result == WriteResult::applied);
  CHECK(outcome.let_go);
  const Claimed claimed = claim_one(at(3s));
  CHECK(claimed.id == id);
  CHECK(claimed.url == "https://elsewhere.example/");
  CHECK(claimed.scheduled_for == at(1s));
}

TEST_CASE_METHOD(HostFixture, "a held execution moves when its time is changed") {
  fail(at(0s));
  const auto id = held(at(1s));
  Task changed = task(execution(id).task_id);
  changed.spec.scheduled_at = at(100s);
  TaskUpdate update = change_to(changed, PendingChange::move);
  update.move_to = at(100s);
  CHECK(tasks().update(write(changed.id, at(2s)), update).result == WriteResult::applied);
  CHECK(claim(at(99s)).empty());
  CHECK(claim_one(at(100s)).id == id);
}

TEST_CASE_METHOD(HostFixture, "what is asked about after its task has changed or gone is not held") {
  fail(at(0s));
  insert(once(acme, at(1s)));
  insert(once(acme, at(1s)));
  const auto claimed = claim(at(1s));
  REQUIRE(claimed.size() == 2);
  Task changed = task(claimed[0].task_id);
  changed.spec.url = "https://elsewhere.example/";
  CHECK(tasks().update(write(changed.id, at(2s), {&claimed[0].id, 1}), change_to(changed)).revoked.empty());
  CHECK(tasks().remove(write(claimed[1].task_id, at(2s), {&claimed[1].id, 1})).revoked.empty());
  CHECK(ask(claimed[0], at(3s)) == HostAnswer::held);
  CHECK(ask(claimed[1], at(3s)) == HostAnswer::held);
  CHECK(hosts().count_held(10) == 0);
  CHECK(status(claimed[1].id) == ExecutionStatus::cancelled);
  CHECK(claim_one(at(4s)).id == claimed[0].id);
}

// ---- Lines.

TEST_CASE_METHOD(HostFixture, "a held head keeps its line waiting") {
  fail(at(0s));
  const auto first = held(at(1s), "q");
  insert(once(acme, at(2s), "q"));
  CHECK(claim(at(9s)).empty());
  CHECK_FALSE(work().claim(claim_request(at(9s), 10)).next_due);
  reopen();
  REQUIRE(hosts().advance(at(30s)).executions == 1);
  const Claimed head = claim_one(at(30s));
  CHECK(head.id == first);
  CHECK(ask(head, at(30s)) == HostAnswer::trial);
  CHECK(claim(at(31s)).empty());
  (void)settle(settlement(head, ExecutionStatus::success, at(32s)));
  CHECK(claim(at(33s)).size() == 1);
}

TEST_CASE_METHOD(HostFixture, "an earlier task that comes to a line does not overtake its held head") {
  fail(at(0s));
  const auto first = held(at(5s), "q");
  insert(once(acme, at(1s), "q"));
  CHECK(claim(at(9s)).empty());
  REQUIRE(hosts().advance(at(35s)).executions == 1);
  CHECK(claim_one(at(35s)).id == first);
}

TEST_CASE_METHOD(HostFixture, "a line goes on when its held head is deleted") {
  fail(at(0s));
  const auto first = held(at(1s), "q");
  const NewWork second = once(acme, at(2s), "q");
  insert(second);
  (void)tasks().remove(write(execution(first).task_id, at(3s)));
  CHECK(claim_one(at(4s)).id == second.execution->id);
}

TEST_CASE_METHOD(HostFixture, "deleting a queue deletes its held head") {
  fail(at(0s));
  const auto first = held(at(1s), "q");
  insert(once(acme, at(2s), "q"));
  std::size_t deleted = 0;
  (void)tasks().remove_queue(write({}, at(3s)), "q", [&](std::size_t count) {
    deleted = count;
    return StoredReply{};
  });
  CHECK(deleted == 2);
  CHECK(status(first) == ExecutionStatus::cancelled);
}

// ---- At the same time.

namespace {

struct ManyHostFixture : HostFixture {
  ManyHostFixture() {
    if (site.allows_several_servers()) {
      for (int i = 0; i < 3; ++i) further.push_back(open_another());
    }
  }
  // Each thread has an instance of its own, where there may be several.
  Storage& store_of(int thread) {
    const auto at = static_cast<std::size_t>(thread) % (further.size() + 1);
    return at == 0 ? store() : *further[at - 1];
  }
  HostStates& hosts_of(int thread) { return store_of(thread).hosts(); }
  void in_threads(int count, const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        try {
          work(i);
        } catch (const std::exception&) {
          ++wrong;
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }

  std::vector<PluginLibrary::Instance> further;
  std::atomic<int> wrong{0};
};

}  // namespace

TEST_CASE_METHOD(ManyHostFixture, "of many who ask at the same time one is the trial") {
  fail(at(0s));
  std::vector<NewWork> batch;
  for (int i = 0; i < 40; ++i) batch.push_back(once(acme, at(1s)));
  (void)work().insert(node, batch);
  const auto claimed = claim(at(31s));
  REQUIRE(claimed.size() == 40);
  std::atomic<int> trials{0};
  std::atomic<int> held{0};
  in_threads(8, [&](int thread) {
    for (std::size_t i = 0; i < 5; ++i) {
      const auto& one = claimed[static_cast<std::size_t>(thread) * 5 + i];
      const auto answer = hosts_of(thread).ask(std::vector{question(one)}, at(31s)).at(0);
      trials += answer == HostAnswer::trial;
      held += answer == HostAnswer::held;
      (void)hosts_of(thread).advance(at(31s));
    }
  });
  CHECK(wrong == 0);
  CHECK(trials == 1);
  CHECK(held == 39);
  CHECK(hosts().count_held(100) == 39);
}

TEST_CASE_METHOD(ManyHostFixture, "many report the same failures: the circuit opens once") {
  std::atomic<int> changes{0};
  in_threads(8, [&](int thread) {
    const HostReport failed{host, Kind::failed, at(0s), {}, std::nullopt};
    changes += static_cast<int>(hosts_of(thread).report(std::vector{failed}).size());
  });
  CHECK(wrong == 0);
  CHECK(changes == 1);
  CHECK(state()->openings == 1);
}

TEST_CASE_METHOD(ManyHostFixture,
                 "nothing is left behind while a host closes and opens and everybody holds and lets go") {
  constexpr std::size_t total = 300;
  std::vector<NewWork> batch;
  for (std::size_t i = 0; i < total; ++i) {
    batch.push_back(once(acme, at(1s), i % 3 == 0 ? std::optional("q" + std::to_string(i % 30)) : std::nullopt));
  }
  (void)work().insert(node, batch);
  std::atomic<std::size_t> sent{0};
  std::atomic<std::int64_t> steps{0};
  // The time of this case goes on with every step of every thread.
  const auto now = [&] { return at(2s + 200ms * steps++); };
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  in_threads(8, [&](int thread) {
    HostStates& mine = hosts_of(thread);
    WorkStore& own = store_of(thread).work();
    for (int turn = 1; sent < total && std::chrono::steady_clock::now() < give_up; ++turn) {
      const Time time = now();
      if (thread == 0 && turn % 7 == 0) {
        (void)mine.report(std::vector{HostReport{host, Kind::failed, time, {}, std::nullopt}});
      }
      (void)mine.advance(time);
      for (const Claimed& one : own.claim(claim_request(time, 5)).claimed) {
        const auto answer = mine.ask(std::vector{question(one)}, time).at(0);
        if (answer == HostAnswer::held) continue;
        if (answer == HostAnswer::trial) {
          (void)mine.report(std::vector{HostReport{host, Kind::answered, time, {}, one.id}});
        }
        const auto result = settlement(one, ExecutionStatus::success, time);
        if (own.settle({&result, 1}).at(0) == SettleOutcome::settled) ++sent;
      }
    }
  });
  CHECK(wrong == 0);
  CHECK(sent == total);
  CHECK(hosts().count_held(10) == 0);
}
