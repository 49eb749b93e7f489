#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "punctual/errors.hpp"
#include "punctual/execution_changes.hpp"
#include "punctual/queues.hpp"
#include "punctual/task_groups.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct AuditFixture : StorageFixture {
  [[nodiscard]] AuditEntry entry(const std::string& action, const std::string& subject, Time when) const {
    return {acme, when, "key pk_live_x", action, subject, "done", R"({"name":{"from":"a","to":"b"}})"};
  }
  // Writes it with a change that is made for its sake.
  void written(const AuditEntry& audit) {
    store().directory().create_key(
        {next_id<KeyId>(), audit.organization_id, "pk_" + next_uuid().text(), {}, at(0s), {}, {}}, &audit);
  }
  [[nodiscard]] AuditQuery all_of(OrganizationId organization) const {
    AuditQuery query;
    query.organization_id = organization;
    return query;
  }
  [[nodiscard]] Page<AuditRecord> list(const AuditQuery& query) { return store().audit().list(query); }
  [[nodiscard]] std::vector<AuditRecord> entries() { return list(all_of(acme)).items; }
  [[nodiscard]] std::vector<std::string> subjects(const Page<AuditRecord>& page) const {
    std::vector<std::string> out;
    for (const AuditRecord& one : page.items) out.push_back(one.entry.subject);
    return out;
  }
  [[nodiscard]] TaskWrite logged(TaskWrite wish, const AuditEntry& audit) const {
    wish.audit = &audit;
    return wish;
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(AuditFixture, "an entry of the audit log is kept whole") {
  const AuditEntry audit = entry("task.updated", "x", at(5s));
  written(audit);
  reopen();
  const auto kept = entries();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].entry.organization_id == acme);
  CHECK(kept[0].entry.at == at(5s));
  CHECK(kept[0].entry.actor == audit.actor);
  CHECK(kept[0].entry.action == audit.action);
  CHECK(kept[0].entry.subject == audit.subject);
  CHECK(kept[0].entry.detail == audit.detail);
  CHECK(kept[0].entry.changes == audit.changes);
}

TEST_CASE_METHOD(AuditFixture, "the audit log is read newest first, of one organisation alone") {
  written(entry("a", "first", at(1s)));
  written(entry("a", "third", at(3s)));
  written(entry("a", "second", at(2s)));
  written(entry("a", "third again", at(3s)));
  AuditEntry foreign = entry("a", "foreign", at(9s));
  foreign.organization_id = other;
  written(foreign);
  CHECK(subjects(list(all_of(acme))) == Texts{"third again", "third", "second", "first"});
  CHECK(subjects(list(all_of(other))) == Texts{"foreign"});
}

TEST_CASE_METHOD(AuditFixture, "pages of the audit log neither skip nor repeat, and know whether there is more") {
  for (int i = 0; i < 7; ++i) written(entry("a", std::to_string(i), at(seconds{i / 3})));
  AuditQuery query = all_of(acme);
  query.limit = 3;
  Texts seen;
  for (;;) {
    const auto page = list(query);
    for (const auto& subject : subjects(page)) seen.push_back(subject);
    if (!page.has_more) break;
    REQUIRE(page.items.size() == 3);
    query.after = AuditCursor{page.items.back().entry.at, page.items.back().place};
    written(entry("a", "later", at(99s)));  // what comes meanwhile changes nothing behind
  }
  CHECK(seen == Texts{"6", "5", "4", "3", "2", "1", "0"});
  query.after.reset();
  query.limit = 4;
  query.offset = 2;
  CHECK(subjects(list(query)) == Texts{"6", "5", "4", "3"});
}

TEST_CASE_METHOD(AuditFixture, "the audit log is filtered by action, subject and time") {
  written(entry("made", "x", at(1s)));
  written(entry("changed", "x", at(2s)));
  written(entry("made", "y", at(3s)));
  written(entry("changed", "y", at(4s)));
  AuditQuery query = all_of(acme);
  query.action = "made";
  CHECK(subjects(list(query)) == Texts{"y", "x"});
  query.subject = "x";
  CHECK(subjects(list(query)) == Texts{"x"});
  query.action.reset();
  CHECK(list(query).items.size() == 2);
  query.subject.reset();
  query.since = at(2s);
  query.until = at(4s);
  CHECK(subjects(list(query)) == Texts{"y", "x"});
  query.subject = "nothing";
  CHECK(list(query).items.empty());
}

TEST_CASE_METHOD(AuditFixture, "a change of a task is logged with it, one that does not take place is not") {
  const TaskId id = insert(cron(acme, at(900s)));
  const AuditEntry audit = entry("task.updated", id.text(), at(5s));
  auto change = change_to(task(id));
  change.task.spec.name = "other";
  auto stale = change;
  stale.expected_version = at(77s);
  CHECK(tasks().update(logged(write(id, at(5s)), audit), stale).result == WriteResult::stale);
  CHECK(tasks().update(logged(write(next_id<TaskId>(), at(5s)), audit), change).result == WriteResult::not_found);
  CHECK(entries().empty());
  CHECK(tasks().update(logged(write(id, at(5s)), audit), change).result == WriteResult::applied);
  reopen();
  REQUIRE(entries().size() == 1);
  CHECK(entries()[0].entry.subject == id.text());
}

TEST_CASE_METHOD(AuditFixture, "a deletion is logged once") {
  const TaskId id = insert(once(acme, at(900s)));
  const AuditEntry audit = entry("task.deleted", id.text(), at(5s));
  CHECK(tasks().remove(logged(write(id, at(5s)), audit)).result == WriteResult::applied);
  CHECK(tasks().remove(logged(write(id, at(6s)), audit)).result == WriteResult::not_found);
  CHECK(entries().size() == 1);
}

TEST_CASE_METHOD(AuditFixture, "a repeated request is logged once") {
  const TaskId id = insert(once(acme, at(900s)));
  const AuditEntry audit = entry("task.deleted", id.text(), at(5s));
  TaskWrite removal = logged(write(id, at(5s)), audit);
  removal.idempotency = key_used("k", 'r', at(5s));
  CHECK(tasks().remove(removal).result == WriteResult::applied);
  CHECK(tasks().remove(removal).result == WriteResult::replayed);
  CHECK(entries().size() == 1);
}

TEST_CASE_METHOD(AuditFixture, "deleting the tasks of a queue is logged as one change, with what is known at its end") {
  insert(once(acme, at(900s), "mail"));
  insert(once(acme, at(900s), "mail"));
  AuditEntry audit = entry("queue.tasks_deleted", "mail", at(5s));
  const auto count = [&](std::size_t number) {
    audit.detail = std::to_string(number);
    return StoredReply{200, "{}"};
  };
  CHECK(tasks().remove_queue(logged(write({}, at(5s)), audit), "mail", count).result == WriteResult::applied);
  CHECK(tasks().remove_queue(logged(write({}, at(6s)), audit), "mail", count).result == WriteResult::applied);
  REQUIRE(entries().size() == 1);
  CHECK(entries()[0].entry.detail == "2");
}

TEST_CASE_METHOD(AuditFixture, "what is stored is logged once, however often it is sent") {
  NewWork work = cron(acme, at(900s));
  work.audit = entry("task.created", work.task.id.text(), at(5s));
  insert(work);
  insert(work);
  CHECK(entries().size() == 1);
  NewWork keyed = cron(acme, at(900s));
  keyed.audit = entry("task.created", keyed.task.id.text(), at(5s));
  keyed.idempotency = key_used("k", 'c', at(5s));
  insert(keyed);
  NewWork again = cron(acme, at(900s));
  again.audit = entry("task.created", again.task.id.text(), at(5s));
  again.idempotency = keyed.idempotency;
  const auto outcomes = this->work().insert(node, {&again, 1});
  CHECK(outcomes[0].result == WriteResult::replayed);
  CHECK(entries().size() == 2);
}

TEST_CASE_METHOD(AuditFixture, "what cannot be stored is not logged, its neighbours are") {
  std::vector<NewWork> batch{cron(acme, at(900s)), cron(next_id<OrganizationId>(), at(900s)), cron(acme, at(900s))};
  for (NewWork& one : batch) one.audit = entry("task.created", one.task.id.text(), at(5s));
  const auto outcomes = work().insert(node, batch);
  CHECK(outcomes[1].result == WriteResult::conflict);
  CHECK(entries().size() == 2);
}

TEST_CASE_METHOD(AuditFixture, "a group is logged with each of its cron tasks, once, and not when it is refused") {
  std::vector<NewWork> items{cron(acme, at(900s)), once(acme, at(1s)), cron(acme, at(900s))};
  for (NewWork& one : items) {
    if (!one.execution) one.audit = entry("task.created", one.task.id.text(), at(5s));
  }
  auto refused = items;
  refused.push_back(cron(next_id<OrganizationId>(), at(900s)));
  CHECK(store().groups().insert(node, refused, std::nullopt).result == WriteResult::conflict);
  CHECK(entries().empty());
  for (int i = 0; i < 2; ++i) CHECK(store().groups().insert(node, items, std::nullopt).result == WriteResult::applied);
  CHECK(subjects(list(all_of(acme))) == Texts{items[2].task.id.text(), items[0].task.id.text()});
}

TEST_CASE_METHOD(AuditFixture, "a sync is logged with all that it changes, and not when it does not take place") {
  const TaskId changed = insert(cron(acme, at(900s)));
  const TaskId removed = insert(cron(acme, at(900s)));
  TaskUpdate update = change_to(task(changed));
  update.task.spec.url = "https://example.com/other";
  const auto sync = [&](NewWork created) {
    created.audit = entry("task.created", "made", at(5s));
    return store()
        .groups()
        .sync(write({}, at(5s)), {{}, true},
              [&](const SyncBase&) {
                return SyncPlan{{created},
                                {update},
                                {removed},
                                {entry("task.updated", "changed", at(5s)), entry("task.deleted", "removed", at(5s))},
                                {}};
              })
        .result;
  };
  CHECK(sync(cron(next_id<OrganizationId>(), at(900s))) == WriteResult::not_found);
  CHECK(entries().empty());
  CHECK(sync(cron(acme, at(900s))) == WriteResult::applied);
  auto logged = subjects(list(all_of(acme)));
  std::sort(logged.begin(), logged.end());
  CHECK(logged == Texts{"changed", "made", "removed"});
}

TEST_CASE_METHOD(AuditFixture, "what is set for a queue is logged with the change, with what was set before") {
  QueueStore& queues = store().queues();
  AuditEntry audit = entry("queue.changed", "q", at(5s));
  const auto reply = [&](const Queue& before, const Queue& after) {
    audit.detail = std::to_string(before.concurrency) + " to " + std::to_string(after.concurrency);
    return StoredReply{};
  };
  const auto set = [&](std::optional<int> concurrency) {
    CHECK(queues.change(logged(write({}, at(5s)), audit), "q", {concurrency, false, {}}, reply).result ==
          WriteResult::applied);
  };
  const auto details = [&] {
    Texts out;
    for (const AuditRecord& one : entries()) out.push_back(one.entry.detail);
    return out;
  };
  set(1);  // from now on something is set, though it is what holds without
  set(4);
  set(4);
  set(std::nullopt);
  set(2);
  CHECK(details() == Texts{"4 to 2", "1 to 4", "1 to 1"});
}

TEST_CASE_METHOD(AuditFixture, "a queue's pause, resume and end are logged when something changes by them") {
  QueueStore& queues = store().queues();
  insert(once(acme, at(900s), "q"));
  const auto paused = entry("queue.paused", "q", at(5s));
  const auto resumed = entry("queue.resumed", "q", at(5s));
  const auto forgotten = entry("queue.forgotten", "q", at(5s));
  CHECK(queues.resume(logged(write({}, at(5s)), resumed), "q").result == WriteResult::applied);
  CHECK(queues.forget(logged(write({}, at(5s)), forgotten), "q").result == WriteResult::applied);
  CHECK(entries().empty());
  for (int i = 0; i < 2; ++i) {
    CHECK(queues.pause(logged(write({}, at(5s)), paused), "q").write.result == WriteResult::applied);
  }
  for (int i = 0; i < 2; ++i) {
    CHECK(queues.resume(logged(write({}, at(5s)), resumed), "q").result == WriteResult::applied);
  }
  CHECK(queues.pause(logged(write({}, at(5s)), paused), "q").write.result == WriteResult::applied);
  for (int i = 0; i < 2; ++i) {
    CHECK(queues.forget(logged(write({}, at(5s)), forgotten), "q").result == WriteResult::applied);
  }
  Texts actions;
  for (const AuditRecord& one : entries()) actions.push_back(one.entry.action);
  CHECK(actions == Texts{"queue.forgotten", "queue.paused", "queue.resumed", "queue.paused"});
}

TEST_CASE_METHOD(AuditFixture, "executions that are cancelled or run again by hand are logged with it") {
  ExecutionChanges& changes = store().execution_changes();
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  const auto id = stored.execution->id;
  const auto cancelled = entry("execution.cancelled", id.text(), at(5s));
  const auto retried = entry("execution.retried", id.text(), at(5s));
  const auto run = [] {
    const auto next = next_id<ExecutionId>();
    return NewExecution{next, next, 1, at(900s)};
  };
  CHECK(changes.retry(logged(write({}, at(5s)), retried), id, run()).result == WriteResult::conflict);
  const auto cancel = [&] {
    return changes
        .cancel(logged(write({}, at(5s)), cancelled), id, ForeignClaim::ask,
                [](const Execution&) { return StoredReply{}; })
        .result;
  };
  CHECK(cancel() == WriteResult::applied);
  CHECK(cancel() == WriteResult::conflict);
  CHECK(changes.retry(logged(write({}, at(5s)), retried), id, run()).result == WriteResult::applied);
  AuditEntry many = entry("executions.retried", "x", at(5s));
  const auto retry_many = [&](ExecutionStatus status) {
    const auto next = next_id<ExecutionId>();
    const RetryFilter filter{{status}, {}, {}, {}, {}};
    return changes
        .retry_many(logged(write({}, at(5s)), many), filter, {&next, 1}, at(5s),
                    [&](std::size_t count) {
                      many.detail = std::to_string(count);
                      return StoredReply{};
                    })
        .result;
  };
  CHECK(retry_many(ExecutionStatus::failed) == WriteResult::applied);
  const NewWork missed = once(acme, at(2s));
  insert(missed);
  REQUIRE(settle(settlement(claim_one(at(2s)), ExecutionStatus::missed, at(3s))) == SettleOutcome::settled);
  CHECK(retry_many(ExecutionStatus::missed) == WriteResult::applied);
  Texts said;
  for (const AuditRecord& one : entries()) said.push_back(one.entry.action + " " + one.entry.detail);
  CHECK(said == Texts{"executions.retried 1", "execution.retried done", "execution.cancelled done"});
}

TEST_CASE_METHOD(AuditFixture, "keys are logged with the change") {
  const AuditEntry made = entry("key.created", "pk_live_one", at(5s));
  store().directory().create_key({next_id<KeyId>(), acme, "pk_live_one", {}, at(5s), {}, {}}, &made);
  const AuditEntry ended = entry("key.revoked", "pk_live_one", at(6s));
  CHECK(store().directory().revoke_key("pk_live_one", at(6s), &ended));
  CHECK(store().directory().revoke_key("pk_live_one", at(7s), &ended));
  CHECK_FALSE(store().directory().revoke_key("pk_live_two", at(7s), &ended));
  const auto kept = entries();
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].entry.action == "key.revoked");
  CHECK(kept[1].entry.action == "key.created");
}

TEST_CASE_METHOD(AuditFixture, "an organisation that is not made is not logged") {
  const AuditEntry made = entry("organization.created", "x", at(5s));
  CHECK_THROWS_AS(
      store().directory().create_organization({next_id<OrganizationId>(), "acme", {"whsec_x"}, at(5s), {}}, &made),
      Conflict);
  CHECK(entries().empty());
}

TEST_CASE_METHOD(AuditFixture, "old entries of the audit log are removed, oldest first, so many at a time") {
  for (int i = 0; i < 5; ++i) written(entry("a", std::to_string(i), at(seconds{i})));
  CHECK(store().audit().expire(at(4s), 3) == 3);
  CHECK(subjects(list(all_of(acme))) == Texts{"4", "3"});
  CHECK(store().audit().expire(at(4s), 3) == 1);
  CHECK(store().audit().expire(at(4s), 3) == 0);
  CHECK(subjects(list(all_of(acme))) == Texts{"4"});
}

TEST_CASE_METHOD(AuditFixture, "odd bytes in an entry harm nothing but themselves") {
  AuditEntry odd = entry("task.updated", "x", at(5s));
  odd.detail = std::string("a\0b\xff", 4);
  written(odd);
  REQUIRE(entries().size() == 1);
  CHECK(entries()[0].entry.subject == "x");
  AuditQuery query = all_of(acme);
  query.subject = std::string("x\0", 2);
  CHECK(list(query).items.empty());
}
