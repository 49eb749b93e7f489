// Lists with filters, whichever index they are read from, against a look through everything.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

// Tasks with and without queues whose executions have ended in every way, run, are claimed ahead, or wait.
struct MixedFixture : StorageFixture {
  MixedFixture() {
    const std::vector<ExecutionStatus> ends{ExecutionStatus::success, ExecutionStatus::failed, ExecutionStatus::timeout,
                                            ExecutionStatus::missed, ExecutionStatus::cancelled};
    for (int i = 0; i < 40; ++i) {
      const Time due = at(seconds{i / 2});
      insert(once(acme, due, queue_of(i)));
      for (const Claimed& one : claim(due)) {
        Settlement item = settlement(one, ends[static_cast<std::size_t>(i) % ends.size()], due + 1s);
        if (item.status == ExecutionStatus::failed && i % 2 == 0) {
          item.retry = Retry{next_id<ExecutionId>(), at(seconds{300 + i})};
        }
        REQUIRE(settle(item) == SettleOutcome::settled);
      }
    }
    for (int i = 0; i < 6; ++i) insert(cron(acme, at(900s)));
    for (int i = 0; i < 12; ++i) insert(once(acme, at(seconds{100 + i / 3}), queue_of(i)));
    REQUIRE(work().claim(claim_request(at(101s), at(102s), 50)).claimed.size() >= 5);
    for (int i = 0; i < 4; ++i) insert(once(acme, at(seconds{200 + i}), queue_of(i)));
    insert(once(other, at(150s), "a"));
  }

  static std::optional<std::string> queue_of(int number) {
    if (number % 3 == 0) return "a";
    return number % 7 == 1 ? std::optional<std::string>("b") : std::nullopt;
  }

  const Time now = at(101s);
};

// Calls `with` with each combination of one filter of each kind.
template <class Query>
void each_combination(const std::vector<std::vector<std::function<void(Query&)>>>& kinds, Query query,
                      const std::function<void(const Query&)>& with, std::size_t kind = 0) {
  if (kind == kinds.size()) return with(query);
  for (const auto& filter : kinds[kind]) {
    Query changed = query;
    filter(changed);
    each_combination(kinds, changed, with, kind + 1);
  }
}

template <class Item>
auto part(const std::vector<Item>& all, std::size_t first, std::size_t limit) {
  std::vector<decltype(Item::id)> out;
  for (std::size_t i = first; i < std::min(all.size(), first + limit); ++i) out.push_back(all[i].id);
  return out;
}

}  // namespace

TEST_CASE_METHOD(MixedFixture,
                 "executions are listed by every combination of filters as one by one they would be chosen") {
  ExecutionQuery all{acme, now, 1000};
  const auto everything = tasks().list_executions(all).items;
  REQUIRE(everything.size() > 50);
  std::map<ExecutionId, std::optional<std::string>> queues;
  for (const Execution& one : everything) queues[one.id] = task(one.task_id).spec.queue;
  const TaskId some_task = everything[everything.size() - 3].task_id;
  const auto seen_as = [&](const Execution& one) {
    const bool ahead = one.status == ExecutionStatus::running && one.scheduled_for > now;
    return ahead ? ExecutionStatus::pending : one.status;
  };
  using Filter = std::function<void(ExecutionQuery&)>;
  std::vector<Filter> statuses{[](ExecutionQuery&) {}};
  for (const auto status :
       {ExecutionStatus::pending, ExecutionStatus::running, ExecutionStatus::success, ExecutionStatus::failed,
        ExecutionStatus::timeout, ExecutionStatus::missed, ExecutionStatus::cancelled}) {
    statuses.emplace_back([status](ExecutionQuery& query) { query.status = status; });
  }
  const std::vector<std::vector<Filter>> kinds{
      statuses,
      {[](ExecutionQuery&) {}, [](ExecutionQuery& query) { query.queue = "a"; },
       [](ExecutionQuery& query) { query.queue = "none"; }},
      {[](ExecutionQuery&) {}, [&](ExecutionQuery& query) { query.task_id = some_task; }},
      {[](ExecutionQuery&) {}, [](ExecutionQuery& query) { query.since = at(9s); }},
      {[](ExecutionQuery&) {}, [](ExecutionQuery& query) { query.until = at(102s); }},
      {[](ExecutionQuery&) {}, [](ExecutionQuery& query) { query.kept_since = at(12s); }}};
  std::size_t wrong = 0;
  each_combination<ExecutionQuery>(kinds, all, [&](const ExecutionQuery& query) {
    std::vector<Execution> expected;
    std::copy_if(everything.begin(), everything.end(), std::back_inserter(expected), [&](const Execution& one) {
      return (!query.status || seen_as(one) == *query.status) && (!query.queue || queues[one.id] == query.queue) &&
             (!query.task_id || one.task_id == *query.task_id) && (!query.since || one.scheduled_for >= *query.since) &&
             (!query.until || one.scheduled_for < *query.until) &&
             (!query.kept_since || !one.finished_at || *one.finished_at >= *query.kept_since);
    });
    wrong += ids_of(tasks().list_executions(query)) != part(expected, 0, expected.size());
    ExecutionQuery page = query;
    page.limit = 2;
    for (std::size_t first = 0; first <= expected.size(); first += 2) {
      page.after.reset();
      page.offset = first;
      const auto by_offset = tasks().list_executions(page);
      wrong += ids_of(by_offset) != part(expected, first, 2) || by_offset.has_more != (expected.size() > first + 2);
      if (first == 0) continue;
      page.after = ExecutionCursor{expected[first - 1].scheduled_for, expected[first - 1].id};
      const auto by_cursor = tasks().list_executions(page);
      wrong += ids_of(by_cursor) != part(expected, first, 2) || by_cursor.has_more != by_offset.has_more;
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(MixedFixture, "tasks are listed by every combination of filters as one by one they would be chosen") {
  TaskQuery all{acme, 1000};
  const auto everything = tasks().list(all).items;
  REQUIRE(everything.size() > 50);
  using Filter = std::function<void(TaskQuery&)>;
  std::vector<Filter> statuses{[](TaskQuery&) {}};
  for (const auto status :
       {ExecutionStatus::pending, ExecutionStatus::running, ExecutionStatus::success, ExecutionStatus::failed,
        ExecutionStatus::timeout, ExecutionStatus::missed, ExecutionStatus::cancelled}) {
    statuses.emplace_back([status](TaskQuery& query) { query.status = status; });
  }
  const std::vector<std::vector<Filter>> kinds{
      statuses,
      {[](TaskQuery&) {}, [](TaskQuery& query) { query.queue = "a"; },
       [](TaskQuery& query) { query.without_queue = true; }},
      {[](TaskQuery&) {}, [](TaskQuery& query) { query.schedule_type = ScheduleType::once; },
       [](TaskQuery& query) { query.schedule_type = ScheduleType::cron; }},
      {[](TaskQuery&) {}, [](TaskQuery& query) { query.name_prefix = "cr"; }},
      {[](TaskQuery&) {}, [](TaskQuery& query) { query.kept_since = at(12s); }}};
  std::size_t wrong = 0;
  each_combination<TaskQuery>(kinds, all, [&](const TaskQuery& query) {
    std::vector<Task> expected;
    std::copy_if(everything.begin(), everything.end(), std::back_inserter(expected), [&](const Task& one) {
      const auto status = one.last_execution_status.value_or(ExecutionStatus::pending);
      return (!query.status || status == *query.status) && (!query.queue || one.spec.queue == query.queue) &&
             (!query.without_queue || !one.spec.queue) &&
             (!query.schedule_type || one.spec.schedule_type == *query.schedule_type) &&
             (!query.name_prefix || one.spec.name.starts_with(*query.name_prefix)) &&
             (!query.kept_since || one.spec.schedule_type == ScheduleType::cron || one.next_run_at ||
              !one.last_execution_at || *one.last_execution_at >= *query.kept_since);
    });
    wrong += ids_of(tasks().list(query)) != part(expected, 0, expected.size());
    TaskQuery page = query;
    page.limit = 2;
    for (std::size_t first = 0; first <= expected.size(); first += 2) {
      page.after.reset();
      page.offset = first;
      const auto by_offset = tasks().list(page);
      wrong += ids_of(by_offset) != part(expected, first, 2) || by_offset.has_more != (expected.size() > first + 2);
      if (first == 0) continue;
      const Task& last = expected[first - 1];
      page.after = TaskCursor{last.last_execution_at, last.inserted_at, last.id};
      const auto by_cursor = tasks().list(page);
      wrong += ids_of(by_cursor) != part(expected, first, 2) || by_cursor.has_more != by_offset.has_more;
    }
  });
  CHECK(wrong == 0);
}
