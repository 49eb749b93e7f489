// The outbox: what is stored with a result, and how it is claimed, settled and rescued.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "punctual/errors.hpp"
#include "punctual/execution_changes.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

using Events = std::vector<MessageEvent>;
constexpr auto completed = MessageEvent::execution_completed;
constexpr auto failed = MessageEvent::task_failed;
constexpr auto recovered = MessageEvent::task_recovered;

NewMessage message(MessageEvent event, const std::string& content = "{}") {
  return {next_id<MessageId>(), event, "https://example.com/" + std::string(name_of(event)), content};
}

struct OutboxFixture : StorageFixture {
  [[nodiscard]] Outbox& outbox() { return store().outbox(); }

  [[nodiscard]] MessageRequest message_request(Time now, std::size_t limit = 100) const {
    return {node, next_token(), now, limit, std::size_t{1} << 30, {}};
  }
  [[nodiscard]] std::vector<ClaimedMessage> claim_messages(Time now, std::size_t limit = 100) {
    return outbox().claim(message_request(now, limit)).claimed;
  }
  // The events of all that is due, in the order of their ids; they leave the outbox.
  [[nodiscard]] Events take_events(Time now = at(24h)) {
    auto claimed = claim_messages(now);
    std::sort(claimed.begin(), claimed.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    Events out;
    for (const ClaimedMessage& one : claimed) {
      out.push_back(one.event);
      const MessageResult done{{one.id, one.token}, std::nullopt};
      CHECK(outbox().settle({&done, 1}) == 1);
    }
    return out;
  }

  // Ends an attempt of a new one-time task, due at `due`, so that these are told; the message of the last.
  MessageId tell(Time due, std::vector<NewMessage> messages, std::optional<OrganizationId> organization = {}) {
    insert(once(organization.value_or(acme), due));
    Settlement item = settlement(claim_one(due), ExecutionStatus::failed, due);
    item.messages = std::move(messages);
    REQUIRE(settle(item) == SettleOutcome::settled);
    return item.messages.back().id;
  }

  // A cron task, which may have many runs.
  TaskId task_with_runs() { return insert(cron(acme, at(900s))); }
  // One more run of it, claimed.
  Claimed start_run(TaskId id) {
    const auto run = next_id<ExecutionId>();
    CHECK(tasks().add_run(write(id, at(1s)), {run, run, 1, at(1s)}).result == WriteResult::applied);
    return claim_one(at(1s));
  }
  // The end of an attempt, at which all that may be told is.
  static Settlement end_of(const Claimed& claimed, ExecutionStatus status, Time when) {
    Settlement item = settlement(claimed, status, when);
    if (status == ExecutionStatus::success) {
      item.messages.push_back(message(recovered));
    } else {
      item.messages.push_back(message(failed));
    }
    return item;
  }
  // A whole run of one attempt.
  void run(TaskId id, ExecutionStatus status, Time when) {
    CHECK(settle(end_of(start_run(id), status, when)) == SettleOutcome::settled);
  }
};

}  // namespace

TEST_CASE_METHOD(OutboxFixture, "a message is stored with its result and claimed whole") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::success, at(4s));
  item.messages.push_back(message(completed, std::string("{\"a\":\"\xc3\xa4\"}\0tail", 15)));
  CHECK(settle(item) == SettleOutcome::settled);
  reopen();
  CHECK(outbox().claim(message_request(at(4s) - 1us)).claimed.empty());
  const auto request = message_request(at(4s));
  const auto claims = outbox().claim(request);
  CHECK_FALSE(claims.next_due);
  REQUIRE(claims.claimed.size() == 1);
  const ClaimedMessage& claimed = claims.claimed[0];
  CHECK(claimed.id == item.messages[0].id);
  CHECK(claimed.token == request.token);
  CHECK(claimed.organization_id == acme);
  CHECK(claimed.task_id == stored.task.id);
  CHECK(claimed.execution_id == stored.execution->id);
  CHECK(claimed.event == completed);
  CHECK(claimed.final);
  CHECK(claimed.attempts == 0);
  CHECK(claimed.url == "https://example.com/execution.completed");
  CHECK(claimed.content == item.messages[0].content);
  CHECK(claimed.signing_secrets == std::vector<std::string>{"whsec_new", "whsec_old"});
}

TEST_CASE_METHOD(OutboxFixture, "a result without messages leaves the outbox empty") {
  insert(full_task(acme, at(1s)));
  CHECK(settle(settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s))) == SettleOutcome::settled);
  CHECK(outbox().size(10) == 0);
}

TEST_CASE_METHOD(OutboxFixture, "a stale result tells nobody, its neighbours tell") {
  insert(once(acme, at(1s)));
  insert(once(acme, at(1s)));
  std::vector<Settlement> batch;
  for (const Claimed& one : claim(at(2s))) {
    batch.push_back(settlement(one, ExecutionStatus::success, at(3s)));
    batch.back().messages.push_back(message(completed));
  }
  REQUIRE(batch.size() == 2);
  batch[0].token = next_token();
  CHECK(work().settle(batch) == std::vector{SettleOutcome::stale, SettleOutcome::settled});
  const auto claimed = claim_messages(at(3s));
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].id == batch[1].messages[0].id);
}

TEST_CASE_METHOD(OutboxFixture, "a result that is written again tells nothing again") {
  insert(once(acme, at(1s)));
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s));
  item.messages.push_back(message(completed));
  CHECK(settle(item) == SettleOutcome::settled);
  CHECK(settle(item) == SettleOutcome::stale);
  CHECK(take_events() == Events{completed});
  CHECK(settle(item) == SettleOutcome::stale);
  CHECK(outbox().size(10) == 0);
}

TEST_CASE_METHOD(OutboxFixture, "a callback says whether the run has ended") {
  const TaskId id = insert(once(acme, at(1s)));
  Settlement first = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s));
  first.messages.push_back(message(completed));
  first.retry = Retry{next_id<ExecutionId>(), at(4s)};
  CHECK(settle(first) == SettleOutcome::settled);
  // The retry that is asked for next does not come: the task is gone.
  const Claimed again = claim_one(at(4s));
  (void)tasks().remove(write(id, at(5s), {&again.id, 1}));
  Settlement second = settlement(again, ExecutionStatus::failed, at(6s));
  second.messages.push_back(message(completed));
  second.retry = Retry{next_id<ExecutionId>(), at(7s)};
  CHECK(settle(second) == SettleOutcome::settled_without_retry);
  const auto claimed = claim_messages(at(9s));
  REQUIRE(claimed.size() == 2);
  CHECK(claimed[0].id == first.messages[0].id);
  CHECK_FALSE(claimed[0].final);
  CHECK(claimed[1].final);
}

TEST_CASE_METHOD(OutboxFixture, "messages outlive their task") {
  insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(2s));
  Settlement item = settlement(claimed, ExecutionStatus::success, at(3s));
  item.messages.push_back(message(completed));
  CHECK(settle(item) == SettleOutcome::settled);
  CHECK(tasks().remove(write(claimed.task_id, at(4s))).result == WriteResult::applied);
  CHECK(take_events() == Events{completed});
}

// ---- Tasks that fail and recover.

TEST_CASE_METHOD(OutboxFixture, "a task fails with the last attempt of a run, in every way but by being cancelled") {
  const TaskId id = task_with_runs();
  for (const auto status : {ExecutionStatus::failed, ExecutionStatus::timeout, ExecutionStatus::missed}) {
    run(id, status, at(3s));
    CHECK(take_events() == Events{failed});
    run(id, ExecutionStatus::success, at(4s));
    CHECK(take_events() == Events{recovered});
  }
  run(id, ExecutionStatus::cancelled, at(5s));
  CHECK(take_events().empty());
}

TEST_CASE_METHOD(OutboxFixture, "a task that goes on failing has failed once") {
  const TaskId id = task_with_runs();
  run(id, ExecutionStatus::failed, at(2s));
  CHECK(take_events() == Events{failed});
  run(id, ExecutionStatus::timeout, at(3s));
  run(id, ExecutionStatus::cancelled, at(4s));
  reopen();
  run(id, ExecutionStatus::missed, at(5s));
  CHECK(take_events().empty());
  // In one batch as in several.
  const TaskId another = task_with_runs();
  const std::vector batch{end_of(start_run(another), ExecutionStatus::failed, at(7s)),
                          end_of(start_run(another), ExecutionStatus::failed, at(6s))};
  (void)work().settle(batch);
  const auto told = claim_messages(at(9s));
  REQUIRE(told.size() == 1);
  CHECK(told[0].id == batch[1].messages[0].id);
}

TEST_CASE_METHOD(OutboxFixture, "an attempt that is tried again is no failure of the task") {
  const TaskId id = task_with_runs();
  Settlement first = end_of(start_run(id), ExecutionStatus::failed, at(3s));
  first.retry = Retry{next_id<ExecutionId>(), at(4s)};
  CHECK(settle(first) == SettleOutcome::settled);
  CHECK(take_events().empty());
  // And so its success afterwards is no recovery.
  CHECK(settle(end_of(claim_one(at(4s)), ExecutionStatus::success, at(5s))) == SettleOutcome::settled);
  CHECK(take_events().empty());
}

TEST_CASE_METHOD(OutboxFixture, "the last attempt fails the task where its retry is refused") {
  NewWork stored = cron(acme, at(900s));
  stored.task.spec.enabled = false;
  const TaskId id = insert(stored);
  Settlement item = end_of(start_run(id), ExecutionStatus::failed, at(3s));
  item.retry = Retry{next_id<ExecutionId>(), at(4s)};
  CHECK(settle(item) == SettleOutcome::settled_without_retry);
  CHECK(take_events() == Events{failed});
}

TEST_CASE_METHOD(OutboxFixture, "a task recovers with the first success after a failed run, and once") {
  const TaskId id = task_with_runs();
  run(id, ExecutionStatus::success, at(2s));
  CHECK(take_events().empty());
  run(id, ExecutionStatus::failed, at(3s));
  run(id, ExecutionStatus::failed, at(4s));
  CHECK(take_events() == Events{failed});
  reopen();
  run(id, ExecutionStatus::success, at(5s));
  CHECK(take_events() == Events{recovered});
  run(id, ExecutionStatus::success, at(6s));
  CHECK(take_events().empty());
}

TEST_CASE_METHOD(OutboxFixture, "a failing task stays so through a retry, a cancelled run and an edit") {
  const TaskId id = task_with_runs();
  run(id, ExecutionStatus::failed, at(2s));
  CHECK(take_events() == Events{failed});
  run(id, ExecutionStatus::cancelled, at(3s));
  Task changed = task(id);
  changed.spec.name = "another";
  CHECK(tasks().update(write(id, at(4s)), change_to(changed)).result == WriteResult::applied);
  Settlement first = end_of(start_run(id), ExecutionStatus::failed, at(5s));
  first.retry = Retry{next_id<ExecutionId>(), at(6s)};
  CHECK(settle(first) == SettleOutcome::settled);
  CHECK(settle(end_of(claim_one(at(6s)), ExecutionStatus::success, at(7s))) == SettleOutcome::settled);
  CHECK(take_events() == Events{recovered});
}

TEST_CASE_METHOD(OutboxFixture, "a task that told nobody of its failure recovers all the same") {
  const TaskId id = task_with_runs();
  CHECK(settle(settlement(start_run(id), ExecutionStatus::failed, at(2s))) == SettleOutcome::settled);
  run(id, ExecutionStatus::success, at(3s));
  CHECK(take_events() == Events{recovered});
}

TEST_CASE_METHOD(OutboxFixture, "of several results of a task in one batch the earlier ended first") {
  const TaskId id = task_with_runs();
  const TaskId neighbour = task_with_runs();
  std::vector<Claimed> claimed;
  for (int i = 0; i < 4; ++i) claimed.push_back(start_run(id));
  const Claimed next_door = start_run(neighbour);
  // success (6 s), failed (5 s), success (7 s), cancelled (8 s): fails at 5 s, recovers at 6 s, and stays well.
  std::vector batch{
      end_of(claimed[0], ExecutionStatus::success, at(6s)), end_of(claimed[1], ExecutionStatus::failed, at(5s)),
      end_of(next_door, ExecutionStatus::success, at(6s)), end_of(claimed[2], ExecutionStatus::success, at(7s)),
      end_of(claimed[3], ExecutionStatus::cancelled, at(8s))};
  (void)work().settle(batch);
  std::vector<MessageId> told;
  for (const ClaimedMessage& one : claim_messages(at(9s))) told.push_back(one.id);
  CHECK(told == std::vector{batch[1].messages[0].id, batch[0].messages[0].id});
  run(id, ExecutionStatus::success, at(9s));
  CHECK(take_events().empty());
}

TEST_CASE_METHOD(OutboxFixture, "a task recovers exactly once, however many runs succeed at the same time") {
  constexpr int threads = 8;
  const auto second = open_another();
  for (int round = 0; round < 10; ++round) {
    const TaskId id = task_with_runs();
    run(id, ExecutionStatus::failed, at(2s));
    CHECK(take_events() == Events{failed});
    std::vector<Claimed> claimed;
    for (int i = 0; i < threads; ++i) claimed.push_back(start_run(id));
    std::vector<std::thread> settlers;
    for (int i = 0; i < threads; ++i) {
      settlers.emplace_back([&, i] {
        WorkStore& writer = i % 2 == 0 ? work() : second->work();
        const Settlement item =
            end_of(claimed[static_cast<std::size_t>(i)], ExecutionStatus::success, at(3s + 1us * i));
        (void)writer.settle({&item, 1});
      });
    }
    for (auto& settler : settlers) settler.join();
    CHECK(take_events() == Events{recovered});
  }
}

TEST_CASE_METHOD(OutboxFixture, "a callback knows how the attempt has ended where that is not what came back") {
  const auto end = [&](ExecutionStatus status, bool is_cancelled) {
    const NewWork stored = once(acme, at(1s));
    insert(stored);
    const Claimed claimed = claim_one(at(1s));
    if (is_cancelled) {
      REQUIRE(store()
                  .execution_changes()
                  .cancel(write({}, at(2s), {&claimed.id, 1}), claimed.id, ForeignClaim::ask,
                          [](const Execution&) { return StoredReply{}; })
                  .result == WriteResult::applied);
    }
    Settlement item = settlement(claimed, status, at(3s));
    item.messages.push_back(message(completed));
    (void)settle(item);
    auto told = claim_messages(at(3s));
    REQUIRE(told.size() == 1);
    CHECK(told[0].final);
    return told[0].ended_as;
  };
  CHECK(end(ExecutionStatus::success, true) == ExecutionStatus::cancelled);
  CHECK(end(ExecutionStatus::failed, true) == ExecutionStatus::cancelled);
  CHECK_FALSE(end(ExecutionStatus::success, false));
  CHECK_FALSE(end(ExecutionStatus::cancelled, true));
}

// ---- Claims.

TEST_CASE_METHOD(OutboxFixture, "what is claimed is not claimed again, what is given back is due as before") {
  tell(at(1s), {message(completed)});
  auto claimed = claim_messages(at(2s));
  REQUIRE(claimed.size() == 1);
  CHECK(claim_messages(at(2s)).empty());
  reopen();
  CHECK(claim_messages(at(2s)).empty());
  const MessageClaim stale{claimed[0].id, next_token()};
  outbox().release({&stale, 1});
  CHECK(claim_messages(at(2s)).empty());
  const MessageClaim claim{claimed[0].id, claimed[0].token};
  outbox().release({&claim, 1});
  CHECK(claim_messages(at(1s) - 1us).empty());
  claimed = claim_messages(at(1s));
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].attempts == 0);
}

TEST_CASE_METHOD(OutboxFixture,
                 "a message that is to be sent again is due at that time, one that is done with is gone") {
  const auto id = tell(at(1s), {message(completed)});
  for (int attempts = 0; attempts < 3; ++attempts) {
    const auto claimed = claim_messages(at(attempts * 10s + 1s));
    REQUIRE(claimed.size() == 1);
    CHECK(claimed[0].id == id);
    CHECK(claimed[0].attempts == attempts);
    const MessageResult again{{id, claimed[0].token}, at((attempts + 1) * 10s)};
    CHECK(outbox().settle({&again, 1}) == 1);
    CHECK(outbox().settle({&again, 1}) == 0);
    const auto early = outbox().claim(message_request(at((attempts + 1) * 10s) - 1us));
    CHECK(early.claimed.empty());
    CHECK(early.next_due == at((attempts + 1) * 10s));
  }
  const auto claimed = claim_messages(at(40s));
  REQUIRE(claimed.size() == 1);
  const MessageResult wrong{{id, next_token()}, std::nullopt};
  CHECK(outbox().settle({&wrong, 1}) == 0);
  CHECK(outbox().size(10) == 1);
  const MessageResult done{{id, claimed[0].token}, std::nullopt};
  CHECK(outbox().settle({&done, 1}) == 1);
  CHECK(outbox().size(10) == 0);
}

TEST_CASE_METHOD(OutboxFixture, "results of many messages are settled together, stale ones left alone") {
  for (int i = 0; i < 4; ++i) tell(at(1s), {message(completed)});
  const auto claimed = claim_messages(at(2s));
  REQUIRE(claimed.size() == 4);
  const std::vector<MessageResult> results{{{claimed[0].id, claimed[0].token}, std::nullopt},
                                           {{claimed[1].id, next_token()}, std::nullopt},
                                           {{claimed[2].id, claimed[2].token}, at(9s)},
                                           {{claimed[3].id, claimed[3].token}, std::nullopt}};
  CHECK(outbox().settle(results) == 3);
  CHECK(outbox().settle({}) == 0);
  CHECK(outbox().held(node) == std::vector{MessageClaim{claimed[1].id, claimed[1].token}});
  const auto later = claim_messages(at(9s));
  REQUIRE(later.size() == 1);
  CHECK(later[0].id == claimed[2].id);
}

TEST_CASE_METHOD(OutboxFixture, "messages of one organisation are claimed earliest first, up to the limit") {
  const auto third = tell(at(3s), {message(completed)});
  const auto first = tell(at(1s), {message(completed)});
  const auto second = tell(at(2s), {message(completed)});
  tell(at(20s), {message(completed)});
  const auto claims = outbox().claim(message_request(at(9s), 2));
  REQUIRE(claims.claimed.size() == 2);
  CHECK(claims.claimed[0].id == first);
  CHECK(claims.claimed[1].id == second);
  CHECK(claims.next_due == at(3s));
  const auto rest = outbox().claim(message_request(at(9s), 2));
  REQUIRE(rest.claimed.size() == 1);
  CHECK(rest.claimed[0].id == third);
  CHECK(rest.next_due == at(20s));
  CHECK(outbox().claim(message_request(at(30s), 0)).claimed.empty());
}

TEST_CASE_METHOD(OutboxFixture, "organisations take turns when more is due than is asked for") {
  for (int i = 0; i < 6; ++i) tell(at(1s), {message(completed)});
  for (int i = 0; i < 2; ++i) tell(at(2s), {message(completed)}, other);
  std::map<OrganizationId, int> got;
  for (const ClaimedMessage& one : claim_messages(at(9s), 4)) ++got[one.organization_id];
  CHECK(got == std::map<OrganizationId, int>{{acme, 2}, {other, 2}});
  CHECK(claim_messages(at(9s), 4).size() == 4);
}

TEST_CASE_METHOD(OutboxFixture, "with room for one the turn goes round") {
  for (int i = 0; i < 2; ++i) {
    tell(at(1s), {message(completed)});
    tell(at(1s), {message(completed)}, other);
  }
  std::vector<OrganizationId> turns;
  for (int i = 0; i < 4; ++i) {
    const auto claimed = claim_messages(at(9s), 1);
    REQUIRE(claimed.size() == 1);
    turns.push_back(claimed[0].organization_id);
  }
  CHECK(turns[0] != turns[1]);
  CHECK(turns[0] == turns[2]);
  CHECK(turns[1] == turns[3]);
}

TEST_CASE_METHOD(OutboxFixture, "an organisation can be passed over") {
  tell(at(1s), {message(completed)});
  tell(at(2s), {message(completed)}, other);
  auto request = message_request(at(9s));
  request.passed_over = {acme};
  const auto claims = outbox().claim(request);
  REQUIRE(claims.claimed.size() == 1);
  CHECK(claims.claimed[0].organization_id == other);
  CHECK(claims.next_due == at(1s));
}

TEST_CASE_METHOD(OutboxFixture, "a claim ends with the message that fills it") {
  for (int i = 0; i < 4; ++i) tell(at(seconds{1 + i}), {message(completed, std::string(1000, 'x'))});
  auto request = message_request(at(9s));
  request.bytes = 1500;
  const auto claims = outbox().claim(request);
  CHECK(claims.claimed.size() == 2);
  CHECK(claims.next_due == at(3s));
  request.bytes = 1;
  CHECK(outbox().claim(request).claimed.size() == 1);
}

TEST_CASE_METHOD(OutboxFixture, "the size of the outbox is counted up to a limit") {
  for (int i = 0; i < 3; ++i) tell(at(1s), {message(completed)});
  (void)claim_messages(at(2s), 1);
  CHECK(outbox().size(10) == 3);
  CHECK(outbox().size(2) == 2);
}

// ---- Servers that die.

TEST_CASE_METHOD(OutboxFixture, "a successor sends what a dead server had claimed, whose own result is stale") {
  const auto id = tell(at(1s), {message(completed)});
  const auto lost = claim_messages(at(2s));
  REQUIRE(lost.size() == 1);
  CHECK(succeed().messages == 1);
  const auto again = claim_messages(at(2s));
  REQUIRE(again.size() == 1);
  CHECK(again[0].id == id);
  const MessageResult stale{{lost[0].id, lost[0].token}, std::nullopt};
  CHECK(outbox().settle({&stale, 1}) == 0);
  const MessageResult done{{again[0].id, again[0].token}, std::nullopt};
  CHECK(outbox().settle({&done, 1}) == 1);
}

TEST_CASE_METHOD(OutboxFixture, "held names the messages of a lease and no others") {
  tell(at(1s), {message(completed)});
  tell(at(90s), {message(completed)});
  const auto claimed = claim_messages(at(2s));
  REQUIRE(claimed.size() == 1);
  CHECK(outbox().held(node) == std::vector{MessageClaim{claimed[0].id, claimed[0].token}});
  CHECK(outbox().held(next_id<NodeId>()).empty());
  CHECK(store().leases().held(node).empty());
}

TEST_CASE_METHOD(OutboxFixture, "where several servers are allowed one without a lease claims nothing",
                 "[several-servers]") {
  tell(at(1s), {message(completed)});
  auto request = message_request(at(2s));
  request.node = next_id<NodeId>();
  CHECK(outbox().claim(request).claimed.empty());
  CHECK(claim_messages(at(2s)).size() == 1);
}

TEST_CASE_METHOD(OutboxFixture, "where several servers are allowed the end of a lease gives its messages back",
                 "[several-servers]") {
  tell(at(1s), {message(completed)});
  REQUIRE(claim_messages(at(2s)).size() == 1);
  store().leases().end(node);
  take_lease();
  CHECK(claim_messages(at(2s)).size() == 1);
}

// ---- Many at once.

TEST_CASE_METHOD(OutboxFixture, "twelve threads settle, claim and send on two instances: every message is sent once") {
  constexpr std::size_t writers = 4;
  constexpr std::size_t batches = 15;
  constexpr std::size_t batch_size = 10;
  constexpr std::size_t total = writers * batches * batch_size;
  const auto second = open_another();
  NodeId second_node = node;
  if (site.allows_several_servers()) {
    second_node = next_id<NodeId>();
    (void)second->leases().acquire({second_node, "second", 4711, at(0s)});
  }
  std::mutex mutex;
  std::map<MessageId, int> sent;
  std::atomic<std::size_t> done{0};
  std::atomic<int> wrong{0};
  const auto write_results = [&](std::size_t thread) {
    Storage& mine = thread % 2 == 0 ? store() : *second;
    for (std::size_t number = 0; number < batches; ++number) {
      std::vector<Settlement> batch;
      for (std::size_t i = 0; i < batch_size; ++i) {
        NewWork one = once(i % 3 == 0 ? other : acme, at(1s));
        one.claim = next_token();
        wrong += !mine.work().insert(node, {&one, 1})[0].claimed;
        Claimed claimed;
        claimed.id = one.execution->id;
        claimed.task_id = one.task.id;
        claimed.token = *one.claim;
        batch.push_back(settlement(claimed, ExecutionStatus::success, at(2s)));
        batch.back().messages.push_back(message(completed));
      }
      for (const auto outcome : mine.work().settle(batch)) wrong += outcome != SettleOutcome::settled;
    }
  };
  const auto send = [&](std::size_t thread) {
    Outbox& mine = thread % 2 == 0 ? outbox() : second->outbox();
    for (int turn = 0; done < total; ++turn) {
      std::vector<MessageResult> results;
      std::vector<MessageClaim> returned;
      const NodeId self = thread % 2 == 0 ? node : second_node;
      const auto claimed = mine.claim({self, next_token(), at(3s), 7, std::size_t{1} << 20, {}}).claimed;
      for (std::size_t i = 0; i < claimed.size(); ++i) {
        const MessageClaim claim{claimed[i].id, claimed[i].token};
        if (turn % 3 == 0 && i % 2 == 0) {
          returned.push_back(claim);
        } else if (turn % 3 == 1 && claimed[i].attempts == 0) {
          results.push_back({claim, at(3s)});
        } else {
          results.push_back({claim, std::nullopt});
          const std::lock_guard lock(mutex);
          ++sent[claim.id];
        }
      }
      mine.release(returned);
      const auto gone = std::count_if(results.begin(), results.end(), [](const auto& one) { return !one.retry_at; });
      wrong += mine.settle(results) != results.size();
      done += static_cast<std::size_t>(gone);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < writers; ++i) threads.emplace_back(write_results, i);
  for (std::size_t i = 0; i < 8; ++i) threads.emplace_back(send, i);
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(sent.size() == total);
  for (const auto& [id, times] : sent) CHECK(times == 1);
  CHECK(outbox().size(10) == 0);
}
