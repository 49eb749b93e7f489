#include "engine/request_audit.hpp"

#include <catch2/catch.hpp>

using namespace punctual;
using namespace std::chrono_literals;

namespace {

Principal someone() {
  Principal by;
  by.organization_id.value.bytes[0] = 7;
  by.key_public_id = "pk_live_x";
  return by;
}

template <class IdType>
IdType some_id() {
  IdType id;
  id.value.bytes[0] = 9;
  return id;
}

}  // namespace

TEST_CASE("of a queue that is set the old and the new value are given, where they differ") {
  Queue before;
  Queue after;
  after.name = "mail";
  after.concurrency = 4;
  after.rate = QueueRate{10, 1s};
  const AuditEntry entry = queue_changed(someone(), before, after, Time{5s});
  CHECK(entry.organization_id == someone().organization_id);
  CHECK(entry.at == Time{5s});
  CHECK(entry.actor == "key pk_live_x");
  CHECK(entry.action == "queue.changed");
  CHECK(entry.subject == "mail");
  CHECK(entry.changes == R"({"concurrency":{"from":1,"to":4},"rate":{"from":null,"to":"10/s"}})");
  before = after;
  after.rate.reset();
  CHECK(queue_changed(someone(), before, after, Time{5s}).changes == R"({"rate":{"from":"10/s","to":null}})");
}

TEST_CASE("every other act on a queue or an execution has its entry") {
  const auto by = someone();
  Queue mail;
  mail.name = "mail";
  mail.concurrency = 4;
  mail.paused = true;
  CHECK(queue_forgotten(by, mail, Time{5s}).subject == "mail");
  CHECK(queue_forgotten(by, mail, Time{5s}).changes ==
        R"({"concurrency":{"from":4,"to":1},"paused":{"from":true,"to":false}})");
  CHECK(queue_paused(by, "mail", Time{5s}).action == "queue.paused");
  CHECK(queue_resumed(by, "mail", Time{5s}).subject == "mail");
  const auto id = some_id<ExecutionId>();
  CHECK(execution_cancelled(by, id, Time{5s}).subject == id.text());
  CHECK(execution_retried(by, id, id, Time{5s}).detail == "Ran the execution again as " + id.text());
  const auto task = some_id<TaskId>();
  CHECK(executions_retried(by, task, 3, Time{5s}).subject == task.text());
  CHECK(executions_retried(by, std::nullopt, 3, Time{5s}).subject == by.organization_id.text());
  CHECK(executions_retried(by, std::nullopt, 3, Time{5s}).detail == "Ran executions again: 3");
}
