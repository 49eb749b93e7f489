// What is set for a line, and what a claim makes of it.
#include <catch2/catch.hpp>

#include "punctual/queues.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct QueueFixture : StorageFixture {
  [[nodiscard]] QueueStore& queues() { return store().queues(); }
  // Not of one task.
  [[nodiscard]] TaskWrite write_at(Time now, std::span<const ExecutionId> sending = {}) const {
    return write({}, now, sending);
  }

  ExecutionId queued(Time due, const std::string& queue = "q") {
    const NewWork stored = once(acme, due, queue);
    insert(stored);
    return stored.execution->id;
  }
  std::vector<ExecutionId> queued(std::size_t number, Time due) {
    std::vector<ExecutionId> out;
    for (std::size_t i = 0; i < number; ++i) out.push_back(queued(due));
    return out;
  }
  void succeed(const Claimed& claimed, Time finished_at) {
    REQUIRE(settle(settlement(claimed, ExecutionStatus::success, finished_at)) == SettleOutcome::settled);
  }
  ExecutionId fail(const Claimed& claimed, Time finished_at, Time retry_at) {
    Settlement item = settlement(claimed, ExecutionStatus::failed, finished_at);
    item.retry = Retry{next_id<ExecutionId>(), retry_at};
    REQUIRE(settle(item) == SettleOutcome::settled);
    return item.retry->id;
  }

  Queue set(const QueueChange& change, const std::string& name = "q", Time now = at(0s)) {
    Queue made;
    const auto outcome = queues().change(write_at(now), name, change, [&](const Queue&, const Queue& queue) {
      made = queue;
      return StoredReply{};
    });
    REQUIRE(outcome.result == WriteResult::applied);
    return made;
  }
  Queue set_concurrency(int concurrency, Time now = at(0s)) { return set({concurrency, false, {}}, "q", now); }
  Queue set_rate(std::optional<QueueRate> rate, Time now = at(0s)) { return set({{}, true, rate}, "q", now); }

  PauseOutcome pause(Time now, std::span<const ExecutionId> sending = {}, const std::string& name = "q") {
    auto outcome = queues().pause(write_at(now, sending), name);
    REQUIRE(outcome.write.result == WriteResult::applied);
    return outcome;
  }
  void resume(Time now, const std::string& name = "q") {
    REQUIRE(queues().resume(write_at(now), name).result == WriteResult::applied);
  }

  // Every name, with what is set and counted.
  [[nodiscard]] std::vector<std::string> listed() {
    std::vector<std::string> out;
    for (const Queue& queue : queues().list(acme)) {
      out.push_back(queue.name + (queue.paused ? " paused" : "") + " " + std::to_string(queue.concurrency) + " " +
                    (queue.rate ? text_of(*queue.rate) : "-") + " " + std::to_string(queue.pending) + "+" +
                    std::to_string(queue.running));
    }
    return out;
  }
};

constexpr QueueRate ten_a_second{10, seconds{1}};

}  // namespace

// ---- What is set, and what is told.

TEST_CASE_METHOD(QueueFixture, "queues are listed that have settings or work that has not ended") {
  queued(at(1s), "working");
  queued(at(1s), "working");
  queued(at(1s), "done");
  for (const Claimed& claimed : claim(at(2s))) {
    if (claimed.queue == "done") succeed(claimed, at(3s));
  }
  set({5, true, ten_a_second}, "set");
  pause(at(4s), {}, "paused");
  insert(once(other, at(1s), "elsewhere"));
  reopen();
  CHECK(listed() == std::vector<std::string>{"paused paused 1 - 0+0", "set 5 10/s 0+0", "working 1 - 1+1"});
  CHECK(queues().list(next_id<OrganizationId>()).empty());
}

TEST_CASE_METHOD(QueueFixture, "a queue is found as it is listed") {
  CHECK_FALSE(queues().find(acme, "q"));
  queued(at(1s));
  const auto live = queues().find(acme, "q");
  REQUIRE(live);
  CHECK(live->name == "q");
  CHECK(live->concurrency == 1);
  CHECK_FALSE(live->paused);
  CHECK_FALSE(live->rate);
  CHECK(live->pending == 1);
  CHECK_FALSE(queues().find(other, "q"));
  succeed(claim_one(at(2s)), at(3s));
  CHECK_FALSE(queues().find(acme, "q"));
  set_concurrency(1);
  CHECK(queues().find(acme, "q"));
}

TEST_CASE_METHOD(QueueFixture, "a change leaves alone what it does not name, and outlives the server") {
  CHECK(set_concurrency(3).concurrency == 3);
  const Queue with_rate = set_rate(ten_a_second);
  CHECK(with_rate.concurrency == 3);
  CHECK(with_rate.rate == ten_a_second);
  CHECK(set({}, "q").rate == ten_a_second);
  pause(at(1s));
  reopen();
  CHECK(listed() == std::vector<std::string>{"q paused 3 10/s 0+0"});
  CHECK_FALSE(set_rate(std::nullopt).rate);
  CHECK(set_concurrency(100).paused);
  resume(at(2s));
  CHECK(listed() == std::vector<std::string>{"q 100 - 0+0"});
}

TEST_CASE_METHOD(QueueFixture, "the reply of a change counts what waits and what runs") {
  queued(3, at(1s));
  (void)claim_one(at(2s));
  const Queue queue = set_concurrency(2);
  CHECK(queue.pending == 2);
  CHECK(queue.running == 1);
}

TEST_CASE_METHOD(QueueFixture, "what is set for a queue is forgotten, its pause too, and its work goes on") {
  const auto first = queued(at(1s));
  set({7, true, ten_a_second}, "q");
  pause(at(1s));
  CHECK(queues().forget(write_at(at(2s)), "q").result == WriteResult::applied);
  CHECK(listed() == std::vector<std::string>{"q 1 - 1+0"});
  CHECK(claim_one(at(2s)).id == first);
}

TEST_CASE_METHOD(QueueFixture, "a queue without settings and work cannot be forgotten") {
  CHECK(queues().forget(write_at(at(1s)), "q").result == WriteResult::not_found);
  set_concurrency(2);
  CHECK(queues().forget(write_at(at(1s)), "q").result == WriteResult::applied);
  CHECK(queues().forget(write_at(at(1s)), "q").result == WriteResult::not_found);
  insert(once(other, at(1s), "q"));
  CHECK(queues().forget(write_at(at(1s)), "q").result == WriteResult::not_found);
  queued(at(1s));
  CHECK(queues().forget(write_at(at(1s)), "q").result == WriteResult::applied);
}

TEST_CASE_METHOD(QueueFixture, "names of queues may be any text") {
  const std::vector<std::string> names{"a/b", "größe %", "'; drop table queues; --", " ", "none"};
  for (const auto& name : names) {
    pause(at(1s), {}, name);
    set({2, false, {}}, name);
    queued(at(1s), name);
  }
  CHECK(claim(at(2s)).empty());
  CHECK(queues().list(acme).size() == names.size());
  for (const auto& name : names) {
    INFO(name);
    REQUIRE(queues().find(acme, name));
    CHECK(queues().find(acme, name)->pending == 1);
    resume(at(3s), name);
    CHECK(claim_one(at(3s)).queue == name);
  }
}

TEST_CASE_METHOD(QueueFixture, "every change of a queue is done once for its key") {
  queued(at(1s));
  const auto keyed = [&](const char* key, char request = 'a') {
    TaskWrite out = write_at(at(1s));
    out.idempotency = key_used(key, request, at(1s), key);
    return out;
  };
  const StoredReply rendered{200, "rendered"};
  const auto render = [&](const Queue&, const Queue&) { return rendered; };

  CHECK(queues().change(keyed("change"), "q", {4, false, {}}, render).result == WriteResult::applied);
  set_concurrency(5);
  const auto changed = queues().change(keyed("change"), "q", {4, false, {}}, render);
  CHECK(changed.result == WriteResult::replayed);
  CHECK(changed.replay == rendered);
  CHECK(queues().find(acme, "q")->concurrency == 5);

  CHECK(queues().pause(keyed("pause"), "q").write.result == WriteResult::applied);
  resume(at(2s));
  const auto paused = queues().pause(keyed("pause"), "q").write;
  CHECK(paused.result == WriteResult::replayed);
  CHECK(paused.replay == StoredReply{202, "pause"});
  CHECK_FALSE(queues().find(acme, "q")->paused);

  pause(at(2s));
  CHECK(queues().resume(keyed("resume"), "q").result == WriteResult::applied);
  pause(at(3s));
  CHECK(queues().resume(keyed("resume"), "q").result == WriteResult::replayed);
  CHECK(queues().find(acme, "q")->paused);

  CHECK(queues().forget(keyed("forget"), "q").result == WriteResult::applied);
  set_concurrency(6);
  CHECK(queues().forget(keyed("forget"), "q").result == WriteResult::replayed);
  CHECK(queues().find(acme, "q")->concurrency == 6);

  CHECK(queues().change(keyed("change", 'b'), "q", {}, render).result == WriteResult::key_reused);
  CHECK(queues().pause(keyed("pause", 'b'), "q").write.result == WriteResult::key_reused);
  CHECK(queues().resume(keyed("resume", 'b'), "q").result == WriteResult::key_reused);
  CHECK(queues().forget(keyed("forget", 'b'), "q").result == WriteResult::key_reused);
}

TEST_CASE_METHOD(QueueFixture, "a queue that could not be forgotten has not used its key") {
  TaskWrite keyed = write_at(at(1s));
  keyed.idempotency = key_used("k", 'a', at(1s));
  CHECK(queues().forget(keyed, "q").result == WriteResult::not_found);
  set_concurrency(2);
  CHECK(queues().forget(keyed, "q").result == WriteResult::applied);
}

// ---- Pause.

TEST_CASE_METHOD(QueueFixture,
                 "nothing of a paused queue is claimed until it is resumed, and then at once and in order") {
  const auto first = queued(at(1s));
  pause(at(2s));
  const auto second = queued(at(3s));
  reopen();
  const auto vain = work().claim(claim_request(at(9s), 10));
  CHECK(vain.claimed.empty());
  CHECK_FALSE(vain.next_due);
  resume(at(10s));
  for (const auto& expected : {first, second}) {
    const Claimed claimed = claim_one(at(10s));
    CHECK(claimed.id == expected);
    succeed(claimed, at(10s));
  }
}

TEST_CASE_METHOD(QueueFixture, "a pause and a resume may be repeated, also of a queue that nobody has heard of") {
  resume(at(1s), "unknown");
  CHECK(queues().list(acme).empty());
  pause(at(1s), {}, "unknown");
  pause(at(1s), {}, "unknown");
  CHECK(listed() == std::vector<std::string>{"unknown paused 1 - 0+0"});
  resume(at(1s), "unknown");
  resume(at(1s), "unknown");
  CHECK(queues().list(acme).empty());
}

TEST_CASE_METHOD(QueueFixture, "a pause is of one queue of one organisation") {
  queued(at(1s), "b");
  insert(once(other, at(1s), "q"));
  insert(once(acme, at(1s)));
  queued(at(1s));
  pause(at(1s));
  CHECK(claim(at(2s)).size() == 3);
}

TEST_CASE_METHOD(QueueFixture, "what is being sent of a queue goes on when it is paused, and its retry waits") {
  queued(at(1s));
  const auto second = queued(at(1s));
  const Claimed sent = claim_one(at(2s));
  CHECK(pause(at(3s), {&sent.id, 1}).write.revoked.empty());
  const auto retry = fail(sent, at(4s), at(5s));
  CHECK(claim(at(9s)).empty());
  resume(at(10s));
  const Claimed again = claim_one(at(10s));
  CHECK(again.id == retry);
  succeed(again, at(11s));
  CHECK(claim_one(at(11s)).id == second);
}

TEST_CASE_METHOD(QueueFixture, "a claim that is not being sent is void when its queue is paused, and stays the head") {
  set_concurrency(2);
  const auto second = queued(at(1s));
  queued(at(1s));
  queued(at(0s));
  const auto both = claim(at(2s));
  REQUIRE(both.size() == 2);
  const auto& sent = both[0];
  const auto& waits = both[1];
  CHECK(pause(at(3s), {&sent.id, 1}).write.revoked == std::vector{ClaimRef{waits.id, waits.token}});
  CHECK(settle(settlement(waits, ExecutionStatus::success, at(4s))) == SettleOutcome::stale);
  CHECK(status(waits.id) == ExecutionStatus::pending);
  succeed(sent, at(4s));
  CHECK(claim(at(5s)).empty());
  set_concurrency(1, at(5s));
  resume(at(5s));
  CHECK(waits.id == second);
  CHECK(claim_one(at(5s)).id == second);
}

TEST_CASE_METHOD(QueueFixture, "a pause waits for another server's claim until that is returned or said to be sent",
                 "[several-servers]") {
  set_concurrency(2);
  queued(at(1s));
  queued(at(1s));
  const auto other_server = open_another();
  const auto other_node = next_id<NodeId>();
  (void)other_server->leases().acquire({other_node, "another-host", 1, at(0s)});
  auto request = claim_request(at(2s), 10);
  request.node = other_node;
  const auto held = other_server->work().claim(request).claimed;
  REQUIRE(held.size() == 2);

  TaskWrite keyed = write_at(at(3s));
  keyed.idempotency = key_used("k", 'a', at(3s));
  const auto first = queues().pause(keyed, "q");
  CHECK(first.write.result == WriteResult::held_elsewhere);
  CHECK(std::set<TaskId>(first.asked.begin(), first.asked.end()) == std::set{held[0].task_id, held[1].task_id});
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(3s)));
  // From the first call on nothing new is claimed.
  queued(at(1s));
  CHECK(claim(at(4s)).empty());

  const StartedClaim started{{held[0].id, held[0].token}, at(3s)};
  other_server->work().mark_started({&started, 1});
  const auto second = queues().pause(keyed, "q");
  CHECK(second.write.result == WriteResult::held_elsewhere);
  CHECK(second.asked == std::vector{held[1].task_id});

  const ClaimRef returned{held[1].id, held[1].token};
  other_server->work().release({&returned, 1});
  CHECK(queues().pause(keyed, "q").write.result == WriteResult::applied);
  CHECK(tasks().find_reply(acme, "k", digest_of('a'), at(3s)));
  CHECK(status(held[0].id) == ExecutionStatus::running);
  CHECK(status(held[1].id) == ExecutionStatus::pending);
  CHECK(claim(at(5s)).empty());
}

// ---- Concurrency.

TEST_CASE_METHOD(QueueFixture, "as many of a queue run as its concurrency says, started in order") {
  set_concurrency(3);
  const auto ids = queued(5, at(1s));
  const auto first = claim(at(2s));
  CHECK(ids_of(first) == std::vector{ids[0], ids[1], ids[2]});
  CHECK(claim(at(3s)).empty());
  succeed(first[1], at(4s));
  reopen();
  CHECK(claim_one(at(5s)).id == ids[3]);
  CHECK(claim(at(5s)).empty());
  succeed(first[0], at(6s));
  CHECK(claim_one(at(7s)).id == ids[4]);
}

TEST_CASE_METHOD(QueueFixture, "places of a wide queue are given in order by claims of one") {
  set_concurrency(3);
  const auto ids = queued(4, at(1s));
  for (std::size_t i = 0; i < 3; ++i) CHECK(ids_of(claim(at(2s), 1)) == std::vector{ids[i]});
  CHECK(claim(at(2s), 1).empty());
}

TEST_CASE_METHOD(QueueFixture, "a retry that waits keeps its slot, the others go on") {
  set_concurrency(2);
  const auto ids = queued(4, at(1s));
  const auto first = claim(at(2s));
  REQUIRE(first.size() == 2);
  const auto retry = fail(first[0], at(3s), at(30s));
  CHECK(claim(at(4s)).empty());
  succeed(first[1], at(5s));
  const Claimed third = claim_one(at(6s));
  CHECK(third.id == ids[2]);
  CHECK(claim(at(6s)).empty());
  CHECK(claim_one(at(30s)).id == retry);
  succeed(third, at(31s));
  CHECK(claim_one(at(31s)).id == ids[3]);
}

TEST_CASE_METHOD(QueueFixture,
                 "what runs goes on when concurrency is lowered, and nothing starts before there is a slot") {
  set_concurrency(3);
  const auto ids = queued(5, at(1s));
  const auto running = claim(at(2s));
  REQUIRE(running.size() == 3);
  set_concurrency(1, at(3s));
  CHECK(claim(at(4s)).empty());
  succeed(running[0], at(5s));
  succeed(running[2], at(5s));
  CHECK(claim(at(6s)).empty());
  succeed(running[1], at(7s));
  CHECK(claim_one(at(8s)).id == ids[3]);
  CHECK(claim(at(8s)).empty());
}

TEST_CASE_METHOD(QueueFixture, "a retry that waits has no slot any more when as many run as a lowered concurrency") {
  set_concurrency(3);
  queued(3, at(1s));
  const auto running = claim(at(2s));
  REQUIRE(running.size() == 3);
  const auto retry = fail(running[0], at(3s), at(4s));
  set_concurrency(2, at(3s));
  CHECK(claim(at(5s)).empty());
  succeed(running[1], at(6s));
  CHECK(claim_one(at(7s)).id == retry);
}

TEST_CASE_METHOD(QueueFixture, "a raised concurrency makes more of the queue claimable at once") {
  const auto ids = queued(3, at(1s));
  (void)claim_one(at(2s));
  CHECK_FALSE(work().claim(claim_request(at(2s), 10)).next_due);
  set_concurrency(2, at(3s));
  CHECK(claim_one(at(3s)).id == ids[1]);
}

TEST_CASE_METHOD(QueueFixture, "slots of a queue wait for nothing that is due later in it") {
  set_concurrency(2);
  const auto early = queued(at(5s));
  const auto late = queued(at(50s));
  CHECK(claim_one(at(10s)).id == early);
  CHECK(work().claim(claim_request(at(10s), 10)).next_due == at(50s));
  const auto now = queued(at(8s));
  CHECK(claim_one(at(11s)).id == now);
  CHECK(claim(at(50s)).empty());
  CHECK(status(late) == ExecutionStatus::pending);
}

TEST_CASE_METHOD(QueueFixture, "deleting a wide queue counts what waits and leaves all that are under way") {
  set_concurrency(3);
  const auto ids = queued(6, at(1s));
  const auto claimed = claim(at(2s));
  REQUIRE(claimed.size() == 3);
  const std::vector sending{claimed[0].id, claimed[2].id};
  std::size_t counted = 0;
  const auto outcome = tasks().remove_queue(write_at(at(3s), sending), "q", [&](std::size_t count) {
    counted = count;
    return StoredReply{};
  });
  CHECK(outcome.result == WriteResult::applied);
  CHECK(counted == 4);
  CHECK(outcome.revoked == std::vector{ClaimRef{claimed[1].id, claimed[1].token}});
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(status(ids[i]) == (i == 0 || i == 2 ? ExecutionStatus::running : ExecutionStatus::cancelled));
  }
  succeed(claimed[0], at(4s));
  fail(claimed[2], at(4s), at(5s));
  CHECK(claim(at(5s)).size() == 1);
}

TEST_CASE_METHOD(QueueFixture, "a deletion that waits for other servers keeps them from claiming more of the queue",
                 "[several-servers]") {
  set_concurrency(5);
  queued(3, at(1s));
  const auto other_server = open_another();
  const auto other_node = next_id<NodeId>();
  (void)other_server->leases().acquire({other_node, "another-host", 1, at(0s)});
  const auto claim_there = [&](Time now, std::size_t limit) {
    auto request = claim_request(now, limit);
    request.node = other_node;
    return other_server->work().claim(request).claimed;
  };
  const auto held = claim_there(at(2s), 1);
  REQUIRE(held.size() == 1);
  std::size_t counted = 0;
  const auto remove = [&](Time now) {
    return tasks()
        .remove_queue(write_at(now), "q",
                      [&](std::size_t count) {
                        counted = count;
                        return StoredReply{};
                      })
        .result;
  };
  CHECK(remove(at(3s)) == WriteResult::held_elsewhere);
  CHECK(claim_there(at(3s), 10).empty());
  CHECK(remove(at(3s + 900ms)) == WriteResult::held_elsewhere);
  CHECK(claim_there(at(4s + 800ms), 10).empty());
  SECTION("until it has come to its end") {
    const StartedClaim started{{held[0].id, held[0].token}, at(4s)};
    other_server->work().mark_started({&started, 1});
    CHECK(remove(at(4s + 850ms)) == WriteResult::applied);
    CHECK(counted == 2);
    const auto next = queued(at(1s));
    CHECK(ids_of(claim_there(at(4s + 850ms), 10)) == std::vector{next});
  }
  SECTION("or has been given up for a second") { CHECK(claim_there(at(4s + 900ms), 10).size() == 2); }
}

// ---- Rate.

TEST_CASE_METHOD(QueueFixture, "a queue with a rate gives out one after the other, spaced, in order") {
  set({100, true, ten_a_second}, "q");
  const auto ids = queued(3, at(1s));
  const auto first = work().claim(claim_request(at(2s), 10));
  CHECK(ids_of(first.claimed) == std::vector{ids[0]});
  CHECK(first.next_due == at(2s + 100ms));
  CHECK(claim(at(2s + 99ms)).empty());
  reopen();
  CHECK(claim_one(at(2s + 100ms)).id == ids[1]);
  CHECK(claim(at(2s + 199ms)).empty());
  CHECK(claim_one(at(3s)).id == ids[2]);
  queued(at(1s));
  CHECK(claim(at(3s + 99ms)).empty());
}

TEST_CASE_METHOD(QueueFixture, "retries are starts, too, and so is what was given back") {
  set_rate(ten_a_second);
  queued(at(1s));
  const Claimed first = claim_one(at(2s));
  fail(first, at(2s + 10ms), at(2s + 20ms));
  CHECK(claim(at(2s + 99ms)).empty());
  const Claimed second = claim_one(at(2s + 100ms));
  const ClaimRef returned{second.id, second.token};
  work().release({&returned, 1});
  CHECK(claim(at(2s + 150ms)).empty());
  CHECK(claim_one(at(2s + 200ms)).id == second.id);
}

TEST_CASE_METHOD(QueueFixture, "a changed rate goes on from the last start, one taken away holds nothing up") {
  set({100, true, QueueRate{1, seconds{3600}}}, "q");
  queued(5, at(1s));
  (void)claim_one(at(2s));
  set_rate(QueueRate{1, seconds{60}}, at(3s));
  CHECK(claim(at(2s + 59s)).empty());
  CHECK(work().claim(claim_request(at(61s), 10)).next_due == at(62s));
  (void)claim_one(at(62s));
  set_rate(QueueRate{1, seconds{60}}, at(63s));
  CHECK(claim(at(121s)).empty());
  set_rate(std::nullopt, at(121s));
  CHECK(claim(at(121s)).size() == 3);
}

TEST_CASE_METHOD(QueueFixture, "a rate holds in every span of its period and is made use of") {
  const QueueRate rate = GENERATE(QueueRate{10, seconds{1}}, QueueRate{300, seconds{1}}, QueueRate{90, seconds{60}});
  set({100, true, rate}, "q");
  const auto total = static_cast<std::size_t>(rate.count * 3);
  std::vector<NewWork> batch;
  for (std::size_t i = 0; i < total; ++i) batch.push_back(once(acme, at(1s), "q"));
  (void)work().insert(node, batch);
  std::vector<Time> starts;
  Time now = at(2s);
  // Claims come a little late, as they do.
  while (starts.size() < total) {
    const auto result = work().claim(claim_request(now, 100));
    std::vector<Settlement> items;
    for (const Claimed& claimed : result.claimed) {
      REQUIRE(claimed.id == batch[starts.size()].execution->id);
      starts.push_back(now);
      items.push_back(settlement(claimed, ExecutionStatus::success, now));
    }
    (void)work().settle(items);
    now = std::max(result.next_due.value_or(now), now) + 1ms;
  }
  const auto count = static_cast<std::size_t>(rate.count);
  for (std::size_t i = 0; i + count < starts.size(); ++i) REQUIRE(starts[i + count] - starts[i] >= rate.period);
  CHECK(starts.back() - starts.front() < milliseconds{rate.period} * 33 / 10);
}
