// Schedules that several servers materialise at once.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>

#include "engine/engine_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct CronServers : EngineFixture {
  void start(int count) {
    EngineSettings settings;
    settings.node_timeout = 24h;  // the clock goes on by minutes; nobody is dead for that
    for (int i = 0; i < count; ++i) servers.push_back(std::make_unique<Server>(store, clock, host, settings));
  }

  std::vector<TaskId> schedules(std::size_t count) {
    std::vector<NewTask> drafts;
    for (std::size_t i = 0; i < count; ++i) {
      drafts.push_back(cron_task(i % 2 == 0 ? "* * * * *" : "*/2 * * * *"));
      drafts.back().spec.misfire = Misfire::all;
    }
    std::vector<TaskId> made;
    (void)servers[0]->engine().create_tasks(request(), std::move(drafts), [&](std::span<const NewWork> works) {
      for (const NewWork& work : works) made.push_back(work.task.id);
      return StoredReply{201, ""};
    });
    return made;
  }

  std::vector<Execution> all() {
    std::vector<Execution> out;
    ExecutionQuery query{principal.organization_id, clock.now(), 1000};
    for (bool more = true; more;) {
      auto page = servers[0]->engine().list_executions(query);
      out.insert(out.end(), page.items.begin(), page.items.end());
      more = page.has_more;
      if (more) query.after = ExecutionCursor{out.back().scheduled_for, out.back().id};
    }
    return out;
  }

  bool succeeded(std::size_t count) {
    return eventually(
        [&] {
          const auto found = all();
          return found.size() >= count && std::all_of(found.begin(), found.end(), [](const Execution& one) {
                   return one.status == ExecutionStatus::success;
                 });
        },
        60s);
  }

  std::vector<std::unique_ptr<Server>> servers;
};

}  // namespace

TEST_CASE_METHOD(CronServers, "two and four servers run every occurrence of hundreds of schedules once",
                 "[several-servers]") {
  constexpr std::size_t count = 300;
  start(GENERATE(2, 4));
  const auto tasks = schedules(count);
  std::size_t expected = 0;
  std::map<TaskId, std::vector<Time>> wanted;
  Time last = test_start;
  // Minute by minute, then two at once, of which the first is late.
  for (const auto step : {1min, 1min, 2min}) {
    clock.advance(step);
    for (Time minute = last + 1min; minute <= clock.now(); minute += 1min) {
      for (std::size_t i = 0; i < count; ++i) {
        if (i % 2 == 1 && (minute - test_start) % 2min != 0s) continue;
        wanted[tasks[i]].push_back(minute);
        ++expected;
      }
    }
    last = clock.now();
    REQUIRE(succeeded(expected));
  }
  std::map<TaskId, std::vector<Time>> found;
  for (const Execution& one : all()) found[one.task_id].push_back(one.scheduled_for);
  for (auto& [task, times] : found) std::sort(times.begin(), times.end());
  CHECK(found == wanted);
  std::size_t sent = 0;
  std::set<ExecutionId> distinct;
  for (const auto& server : servers) {
    const auto started = server->transport().started();
    sent += started.size();
    for (const Delivery& delivery : started) distinct.insert(delivery.id);
  }
  CHECK(sent == expected);
  CHECK(distinct.size() == expected);
}
