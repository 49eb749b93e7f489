#include <catch2/catch.hpp>

#include <algorithm>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

// One cron task with six runs: two finished, one claimed and due, one claimed ahead, two pending; and others beside it.
struct ExecutionFixture : StorageFixture {
  ExecutionFixture() {
    id = insert(cron(acme, at(9000s)));
    for (const auto due : {10s, 20s, 20s, 40s, 50s, 60s}) {
      runs.push_back(next_id<ExecutionId>());
      (void)tasks().add_run(write(id, at(1s)), {runs.back(), runs.back(), 1, at(due)});
    }
    const auto claimed = work().claim(claim_request(now, at(40s), 4)).claimed;
    REQUIRE(claimed.size() == 4);
    (void)settle(settlement(claimed[0], ExecutionStatus::success, at(31s)));
    (void)settle(settlement(claimed[1], ExecutionStatus::failed, at(31s)));
    newest_first = {runs.rbegin(), runs.rend()};
    query.organization_id = acme;
    query.now = now;
    insert(once(other, at(30s)));
  }
  std::vector<ExecutionId> found() { return ids_of(tasks().list_executions(query)); }

  const Time now = at(30s);
  TaskId id;
  std::vector<ExecutionId> runs;
  std::vector<ExecutionId> newest_first;
  ExecutionQuery query;
};

}  // namespace

TEST_CASE_METHOD(ExecutionFixture, "executions are listed newest first, by due time, then id") {
  reopen();
  CHECK(found() == newest_first);
}

TEST_CASE_METHOD(ExecutionFixture, "has_more of executions is exact at every limit") {
  for (std::size_t limit = 1; limit <= 7; ++limit) {
    query.limit = limit;
    const auto page = tasks().list_executions(query);
    CHECK(page.items.size() == std::min<std::size_t>(limit, 6));
    CHECK(page.has_more == (limit < 6));
  }
}

TEST_CASE_METHOD(ExecutionFixture, "a cursor goes on behind every execution, with and without a task") {
  const auto all = tasks().list_executions(query).items;
  for (const bool of_task : {false, true}) {
    if (of_task) query.task_id = id;
    for (std::size_t last = 0; last < all.size(); ++last) {
      query.after = ExecutionCursor{all[last].scheduled_for, all[last].id};
      query.offset = 3;  // ignored
      const auto first = newest_first.begin() + static_cast<std::ptrdiff_t>(last) + 1;
      REQUIRE(found() == std::vector(first, newest_first.end()));
    }
  }
}

TEST_CASE_METHOD(ExecutionFixture, "an offset leaves out the newest executions") {
  query.limit = 2;
  query.offset = 3;
  CHECK(found() == std::vector{newest_first[3], newest_first[4]});
}

TEST_CASE_METHOD(ExecutionFixture, "executions are filtered by task") {
  const NewWork another = once(acme, at(35s));
  insert(another);
  query.task_id = id;
  CHECK(found() == newest_first);
  query.task_id = another.task.id;
  CHECK(found() == std::vector{another.execution->id});
  query.organization_id = other;
  CHECK(found().empty());
}

TEST_CASE_METHOD(ExecutionFixture, "executions are filtered by how they ended") {
  query.status = ExecutionStatus::success;
  CHECK(found() == std::vector{runs[0]});
  query.status = ExecutionStatus::failed;
  CHECK(found() == std::vector{runs[1]});
  query.status = ExecutionStatus::timeout;
  CHECK(found().empty());
}

TEST_CASE_METHOD(ExecutionFixture, "an execution claimed ahead is pending to the filter, a due one is running") {
  query.status = ExecutionStatus::pending;
  CHECK(found() == std::vector{runs[5], runs[4], runs[3]});
  query.status = ExecutionStatus::running;
  CHECK(found() == std::vector{runs[2]});
}

TEST_CASE_METHOD(ExecutionFixture, "executions are filtered by due time, since included and until not") {
  query.since = at(20s);
  query.until = at(50s);
  CHECK(found() == std::vector{runs[3], runs[2], runs[1]});
  query.limit = 1;
  const auto page = tasks().list_executions(query);
  CHECK(page.has_more);
  query.after = ExecutionCursor{page.items[0].scheduled_for, page.items[0].id};
  query.limit = 50;
  CHECK(found() == std::vector{runs[2], runs[1]});
}

TEST_CASE_METHOD(ExecutionFixture, "executions are filtered by queue") {
  const NewWork queued = once(acme, at(35s), "mail");
  insert(queued);
  query.queue = "mail";
  CHECK(found() == std::vector{queued.execution->id});
}

TEST_CASE_METHOD(ExecutionFixture, "pages of executions neither skip nor repeat while executions are inserted") {
  std::vector<ExecutionId> seen;
  query.limit = 2;
  for (;;) {
    const auto page = tasks().list_executions(query);
    for (const auto& one : page.items) seen.push_back(one.id);
    if (!page.has_more) break;
    query.after = ExecutionCursor{page.items.back().scheduled_for, page.items.back().id};
    insert(once(acme, at(100s)));
  }
  CHECK(seen == newest_first);
}

TEST_CASE_METHOD(StorageFixture, "an execution of another organisation is not found") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  CHECK(tasks().find_execution(acme, stored.execution->id));
  CHECK_FALSE(tasks().find_execution(other, stored.execution->id));
  CHECK_FALSE(tasks().find_execution(acme, next_id<ExecutionId>()));
}

TEST_CASE_METHOD(StorageFixture, "an execution that was not sent shows the request as it would be sent") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  const auto found = tasks().find_execution(acme, stored.execution->id);
  REQUIRE(found);
  CHECK(found->request_method == stored.task.spec.method);
  CHECK(found->request_url == stored.task.spec.url);
  CHECK(found->response_headers.empty());
  CHECK_FALSE(found->response_body);
}

TEST_CASE_METHOD(StorageFixture, "a large response is kept whole") {
  const NewWork stored = once(acme, at(1s));
  insert(stored);
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::success, at(3s));
  item.response_body = std::string(262144, 'x') + "... [truncated]";
  (void)settle(item);
  reopen();
  CHECK(tasks().find_execution(acme, stored.execution->id)->response_body == item.response_body);
}
