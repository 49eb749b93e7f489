#include <catch2/catch.hpp>

#include "punctual/errors.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

NewWork with_key(NewWork work, const std::string& key, char request, Time used, const std::string& reply = "{}") {
  work.idempotency = key_used(key, request, used, reply);
  return work;
}

}  // namespace

TEST_CASE_METHOD(StorageFixture, "a repeated key is answered with the stored reply and writes nothing") {
  insert(with_key(once(acme, at(1s)), "k", 'a', at(0s), "first"));
  reopen();
  const NewWork again = with_key(once(acme, at(1s)), "k", 'a', at(10s), "second");
  const auto outcome = work().insert(node, {&again, 1})[0];
  CHECK(outcome.result == WriteResult::replayed);
  CHECK(outcome.replay == StoredReply{202, "first"});
  CHECK_FALSE(tasks().find(acme, again.task.id));
  CHECK(claim(at(1s)).size() == 1);
}

TEST_CASE_METHOD(StorageFixture, "a key used for another request is refused") {
  insert(with_key(once(acme, at(1s)), "k", 'a', at(0s)));
  const NewWork reused = with_key(once(acme, at(1s)), "k", 'b', at(1s));
  const auto outcome = work().insert(node, {&reused, 1})[0];
  CHECK(outcome.result == WriteResult::key_reused);
  CHECK_FALSE(outcome.replay);
  CHECK_FALSE(tasks().find(acme, reused.task.id));
}

TEST_CASE_METHOD(StorageFixture, "the same key twice in a batch replays the first") {
  const std::vector batch{with_key(once(acme, at(1s)), "k", 'a', at(0s), "first"),
                          with_key(once(acme, at(1s)), "k", 'a', at(0s), "second"),
                          with_key(once(acme, at(1s)), "k", 'b', at(0s), "third")};
  const auto outcomes = work().insert(node, batch);
  CHECK(outcomes[0].result == WriteResult::applied);
  CHECK(outcomes[1].result == WriteResult::replayed);
  CHECK(outcomes[1].replay == StoredReply{202, "first"});
  CHECK(outcomes[2].result == WriteResult::key_reused);
  CHECK(claim(at(1s)).size() == 1);
}

TEST_CASE_METHOD(StorageFixture, "a key belongs to its organisation") {
  insert(with_key(once(acme, at(1s)), "k", 'a', at(0s)));
  insert(with_key(once(other, at(1s)), "k", 'b', at(0s)));
  CHECK_FALSE(tasks().find_reply(next_id<OrganizationId>(), "k", digest_of('a'), at(1s)));
}

TEST_CASE_METHOD(StorageFixture, "a key is kept for 24 hours") {
  insert(with_key(once(acme, at(1s)), "k", 'a', at(0s), "first"));
  CHECK(tasks().find_reply(acme, "k", digest_of('a'), at(24h - 1us)) == StoredReply{202, "first"});
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(24h)));
}

TEST_CASE_METHOD(StorageFixture, "a key older than 24 hours is used anew") {
  insert(with_key(once(acme, at(1s)), "k", 'a', at(0s), "first"));
  insert(with_key(once(acme, at(1s)), "k", 'b', at(24h), "second"));
  CHECK(tasks().find_reply(acme, "k", digest_of('b'), at(25h)) == StoredReply{202, "second"});
}

TEST_CASE_METHOD(StorageFixture, "a stored reply is found by key and request, another request is KeyReused") {
  insert(with_key(once(acme, at(1s)), "k", 'a', at(0s), "first"));
  reopen();
  CHECK(tasks().find_reply(acme, "k", digest_of('a'), at(1s)) == StoredReply{202, "first"});
  CHECK_FALSE(tasks().find_reply(acme, "unknown", digest_of('a'), at(1s)));
  CHECK_FALSE(tasks().find_reply(other, "k", digest_of('a'), at(1s)));
  CHECK_THROWS_AS(tasks().find_reply(acme, "k", digest_of('b'), at(1s)), KeyReused);
}

TEST_CASE_METHOD(StorageFixture, "changes of a task are replayed, too") {
  const TaskId id = insert(once(acme, at(60s)));
  TaskWrite first = write(id, at(1s));
  first.idempotency = key_used("k", 'a', at(1s), "gone");
  CHECK(tasks().remove(first).result == WriteResult::applied);
  reopen();
  const auto again = tasks().remove(first);
  CHECK(again.result == WriteResult::replayed);
  CHECK(again.replay == StoredReply{202, "gone"});
  first.idempotency->request = digest_of('b');
  CHECK(tasks().remove(first).result == WriteResult::key_reused);
}

TEST_CASE_METHOD(StorageFixture, "a change that is not applied stores no reply") {
  TaskWrite missing = write(next_id<TaskId>(), at(1s));
  missing.idempotency = key_used("k", 'a', at(1s));
  CHECK(tasks().remove(missing).result == WriteResult::not_found);
  CHECK_FALSE(tasks().find_reply(acme, "k", digest_of('a'), at(2s)));
}

TEST_CASE_METHOD(StorageFixture, "a key may be any bytes") {
  const std::string one = "caf\xe9";
  const std::string other_one = "caf\xe8";
  insert(with_key(once(acme, at(1s)), one, 'a', at(0s), "first"));
  reopen();
  CHECK(tasks().find_reply(acme, one, digest_of('a'), at(1s)) == StoredReply{202, "first"});
  CHECK_FALSE(tasks().find_reply(acme, other_one, digest_of('a'), at(1s)));
  TaskWrite missing = write(next_id<TaskId>(), at(1s));
  missing.idempotency = key_used(other_one, 'b', at(1s));
  CHECK(tasks().remove(missing).result == WriteResult::not_found);
  const auto removed = tasks().remove_queue(missing, "q", [](std::size_t) { return StoredReply{200, "none"}; });
  CHECK(removed.result == WriteResult::applied);
  CHECK(tasks().find_reply(acme, other_one, digest_of('b'), at(2s)) == StoredReply{200, "none"});
}

TEST_CASE_METHOD(StorageFixture, "old replies are expired, a limited number at a time") {
  for (int i = 0; i < 5; ++i) insert(with_key(once(acme, at(1s)), std::to_string(i), 'a', at(seconds{i})));
  CHECK(store().maintenance().expire_replies(at(3s), 2) == 2);
  CHECK(store().maintenance().expire_replies(at(3s), 2) == 1);
  CHECK(store().maintenance().expire_replies(at(3s), 2) == 0);
  CHECK_FALSE(tasks().find_reply(acme, "2", digest_of('a'), at(4s)));
  CHECK(tasks().find_reply(acme, "3", digest_of('a'), at(4s)));
}
