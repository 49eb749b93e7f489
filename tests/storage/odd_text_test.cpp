// Text that a database may refuse: NUL, and bytes that are no UTF-8. It harms nothing but the item it is in.
#include <catch2/catch.hpp>

#include "punctual/errors.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

std::string odd_text() {
  return GENERATE(std::string("a\0b", 3), std::string("a\xff\xc0z"), std::string("\xed\xa0\x80"));
}

}  // namespace

TEST_CASE_METHOD(StorageFixture, "a task with odd text is kept as it is or refused, and its neighbours are stored") {
  const std::string odd = odd_text();
  NewWork work = once(acme, at(1s));
  bool may_be_refused = true;
  SECTION("in the name") { work.task.spec.name = odd; }
  SECTION("in the URL") { work.task.spec.url += odd; }
  SECTION("in the queue") {
    work.task.spec.queue = odd;
    work.task.inserted_at = at(0s);
  }
  SECTION("in the callback") { work.task.spec.callback_url = odd; }
  SECTION("in the pattern that is expected") { work.task.spec.expected_body_pattern = odd; }
  SECTION("in the key") { work.idempotency = key_used(odd, 'a', at(0s)); }
  SECTION("in the stored reply") { work.idempotency = key_used("key", 'a', at(0s), odd); }
  SECTION("in the body") {
    work.task.spec.body = odd;
    may_be_refused = false;
  }
  SECTION("in a header") {
    work.task.spec.headers = {{"X-Odd", odd}};
    may_be_refused = false;
  }
  const std::vector<NewWork> batch{once(acme, at(2s)), work, once(acme, at(3s), "q")};
  const auto outcomes = this->work().insert(node, batch);
  REQUIRE(outcomes.size() == 3);
  CHECK(outcomes[0].result == WriteResult::applied);
  CHECK(outcomes[2].result == WriteResult::applied);
  const bool stored = outcomes[1].result == WriteResult::applied;
  CHECK((stored || (may_be_refused && outcomes[1].result == WriteResult::conflict)));
  reopen();
  const auto found = tasks().find(acme, work.task.id);
  CHECK(found.has_value() == stored);
  if (found) CHECK(found->spec == work.task.spec);
  take_lease();
  CHECK(claim(at(5s)).size() == (stored ? 3 : 2));
}

TEST_CASE_METHOD(StorageFixture, "odd text in a result is kept as far as it can be, and its neighbours are settled") {
  const std::string odd = odd_text();
  for (int i = 0; i < 3; ++i) insert(once(acme, at(1s)));
  const auto claimed = claim(at(2s));
  REQUIRE(claimed.size() == 3);
  std::vector<Settlement> batch;
  for (const Claimed& one : claimed) batch.push_back(settlement(one, ExecutionStatus::failed, at(3s)));
  batch[1].error_message = odd;
  batch[1].response_body = odd;
  batch[1].response_headers = {{"X-Odd", odd}};
  batch[1].request_url += odd;
  batch[1].disable = AuditEntry{acme, at(3s), odd, odd, odd, odd};
  for (const auto outcome : work().settle(batch)) CHECK(outcome == SettleOutcome::settled);
  reopen();
  for (const Claimed& one : claimed) CHECK(status(one.id) == ExecutionStatus::failed);
  const auto found = tasks().find_execution(acme, claimed[1].id);
  REQUIRE(found);
  CHECK(found->execution.error_message.value_or("").starts_with(odd[0] == 'a' ? "a" : ""));
  CHECK(found->response_body == odd);
  CHECK(found->response_headers == batch[1].response_headers);
  CHECK_FALSE(task(claimed[1].task_id).spec.enabled);
}

TEST_CASE_METHOD(StorageFixture, "a change to odd text is kept as it is or refused as invalid") {
  const TaskId id = insert(once(acme, at(1s)));
  Task changed = task(id);
  changed.spec.name = odd_text();
  const Task before = task(id);
  try {
    const auto outcome = tasks().update(write(id, at(0s)), change_to(changed));
    CHECK(outcome.result == WriteResult::applied);
    CHECK(task(id).spec == changed.spec);
  } catch (const Invalid&) {
    CHECK(task(id).spec == before.spec);
  }
  CHECK(claim(at(2s)).size() == 1);
}

TEST_CASE_METHOD(StorageFixture, "odd text that is looked for is not found") {
  insert(once(acme, at(1s)));
  const std::string odd = odd_text();
  CHECK_FALSE(store().directory().find_key(odd));
  TaskQuery query;
  query.organization_id = acme;
  query.limit = 10;
  SECTION("as a name") { query.name_prefix = odd; }
  SECTION("as a queue") { query.queue = odd; }
  CHECK(tasks().list(query).items.empty());
}
