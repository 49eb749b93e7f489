#include <catch2/catch.hpp>

#include <algorithm>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

TaskCursor cursor_of(const Task& task) { return {task.last_execution_at, task.inserted_at, task.id}; }

// Five tasks that have run, two of them at one time, and four that have not, three of them inserted at one time.
struct ListFixture : StorageFixture {
  ListFixture() {
    for (const auto finished : {10s, 30s, 20s, 30s, 40s}) {
      expected.push_back(insert(once(acme, at(1s))));
      (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(finished)));
    }
    for (const auto inserted : {70s, 60s, 70s, 70s}) {
      NewWork waiting = once(acme, at(900s));
      waiting.task.inserted_at = at(inserted);
      expected.push_back(insert(waiting));
    }
    const auto t = expected;
    expected = {t[4], t[3], t[1], t[2], t[0], t[8], t[7], t[5], t[6]};
    insert(once(other, at(900s)));
  }

  TaskQuery query(std::size_t limit) const {
    TaskQuery out;
    out.organization_id = acme;
    out.limit = limit;
    return out;
  }
  std::vector<TaskId> part(std::size_t first, std::size_t count) const {
    return {expected.begin() + static_cast<std::ptrdiff_t>(first),
            expected.begin() + static_cast<std::ptrdiff_t>(first + count)};
  }

  std::vector<TaskId> expected;
};

// Three tasks that differ in everything that can be filtered.
struct FilterFixture : StorageFixture {
  FilterFixture() {
    NewWork mail = once(acme, at(1s), "mail");
    mail.task.spec.name = "Mail: 100% a_b";
    NewWork plain = once(acme, at(900s));
    plain.task.spec.name = "mail: other";
    NewWork tick = cron(acme, at(900s));
    tick.task.spec.name = "Tick";
    mailed = insert(mail);
    waiting = insert(plain);
    ticking = insert(tick);
    (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s)));
    all.organization_id = acme;
  }
  std::vector<TaskId> matching(const TaskQuery& query) { return ids_of(tasks().list(query)); }

  TaskQuery all;
  TaskId mailed, waiting, ticking;
};

}  // namespace

TEST_CASE_METHOD(ListFixture, "tasks are listed by last execution, then insertion, then id, newest first") {
  reopen();
  const auto page = tasks().list(query(50));
  CHECK(ids_of(page) == expected);
  CHECK_FALSE(page.has_more);
}

TEST_CASE_METHOD(ListFixture, "has_more of tasks is exact at every limit") {
  for (std::size_t limit = 1; limit <= expected.size() + 1; ++limit) {
    const auto page = tasks().list(query(limit));
    CHECK(page.items.size() == std::min(limit, expected.size()));
    CHECK(page.has_more == (limit < expected.size()));
  }
}

TEST_CASE_METHOD(ListFixture, "an offset leaves out the first tasks") {
  auto some = query(3);
  some.offset = 4;
  CHECK(ids_of(tasks().list(some)) == part(4, 3));
  some.offset = 100;
  CHECK(tasks().list(some).items.empty());
}

TEST_CASE_METHOD(ListFixture, "a cursor goes on behind every task, whatever the limit") {
  const auto all = tasks().list(query(50)).items;
  for (std::size_t last = 0; last < all.size(); ++last) {
    for (std::size_t limit = 1; limit <= all.size(); ++limit) {
      auto next = query(limit);
      next.after = cursor_of(all[last]);
      next.offset = 2;  // ignored
      const std::size_t left = all.size() - last - 1;
      const auto page = tasks().list(next);
      REQUIRE(ids_of(page) == part(last + 1, std::min(left, limit)));
      REQUIRE(page.has_more == (limit < left));
    }
  }
}

TEST_CASE_METHOD(ListFixture, "pages by cursor neither skip nor repeat while tasks are inserted and run") {
  std::vector<TaskId> seen;
  auto next = query(2);
  for (;;) {
    const auto page = tasks().list(next);
    for (const Task& one : page.items) seen.push_back(one.id);
    if (!page.has_more) break;
    next.after = cursor_of(page.items.back());
    // Newer than everything, so it belongs before the page; and one that has run just now.
    NewWork newer = once(acme, at(800s));
    newer.task.inserted_at = at(100s);
    insert(newer);
    insert(once(acme, at(1s)));
    (void)settle(settlement(claim_one(at(2s)), ExecutionStatus::success, at(500s)));
  }
  for (const TaskId id : expected) CHECK(std::count(seen.begin(), seen.end(), id) == 1);
}

TEST_CASE_METHOD(FilterFixture, "tasks are filtered by queue") {
  all.queue = "mail";
  CHECK(matching(all) == std::vector{mailed});
  all.queue = "none such";
  CHECK(matching(all).empty());
}

TEST_CASE_METHOD(FilterFixture, "tasks without a queue are listed") {
  all.without_queue = true;
  CHECK(matching(all) == std::vector{waiting, ticking});
}

TEST_CASE_METHOD(FilterFixture, "tasks are filtered by kind") {
  all.schedule_type = ScheduleType::cron;
  CHECK(matching(all) == std::vector{ticking});
  all.schedule_type = ScheduleType::once;
  CHECK(matching(all) == std::vector{mailed, waiting});
}

TEST_CASE_METHOD(FilterFixture, "tasks are filtered by the status of their last execution") {
  all.status = ExecutionStatus::failed;
  CHECK(matching(all) == std::vector{mailed});
  all.status = ExecutionStatus::success;
  CHECK(matching(all).empty());
}

TEST_CASE_METHOD(FilterFixture, "a task that was never executed is pending to the filter") {
  all.status = ExecutionStatus::pending;
  CHECK(matching(all) == std::vector{waiting, ticking});
}

TEST_CASE_METHOD(FilterFixture, "a name prefix is literal and minds case") {
  all.name_prefix = "Mail";
  CHECK(matching(all) == std::vector{mailed});
  all.name_prefix = "Mail: 100% a_";
  CHECK(matching(all) == std::vector{mailed});
  for (const auto* other_text : {"%", "Mail: 1_0", "ick", "Mail: 100% a_bc"}) {
    all.name_prefix = other_text;
    CHECK(matching(all).empty());
  }
}

TEST_CASE_METHOD(FilterFixture, "filters work together and with a cursor") {
  all.schedule_type = ScheduleType::once;
  all.limit = 1;
  const auto first = tasks().list(all);
  CHECK(first.has_more);
  all.after = cursor_of(first.items.at(0));
  const auto second = tasks().list(all);
  CHECK(ids_of(second) == std::vector{waiting});
  CHECK_FALSE(second.has_more);
}

TEST_CASE_METHOD(StorageFixture, "a task of another organisation is not found") {
  const TaskId id = insert(once(acme, at(1s)));
  CHECK(tasks().find(acme, id));
  CHECK_FALSE(tasks().find(other, id));
  TaskQuery query;
  query.organization_id = other;
  CHECK(tasks().list(query).items.empty());
}

TEST_CASE_METHOD(StorageFixture, "a deleted task is not found and not listed") {
  const TaskId id = insert(once(acme, at(60s)));
  CHECK(tasks().remove(write(id, at(1s))).result == WriteResult::applied);
  reopen();
  CHECK_FALSE(tasks().find(acme, id));
  TaskQuery query;
  query.organization_id = acme;
  CHECK(tasks().list(query).items.empty());
}
