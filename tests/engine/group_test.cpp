// Batches and syncs: many tasks in one commit, on one server and on two.
#include <atomic>
#include <catch2/catch.hpp>
#include <set>

#include "engine/engine_fixture.hpp"
#include "punctual/errors.hpp"
#include "punctual/task_groups.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct GroupFixture : EngineFixture {
  struct Made {
    std::vector<TaskId> tasks;
    std::vector<ExecutionId> executions;
  };
  Made create_all(Server& server, std::vector<NewTask> drafts) const {
    Made made;
    (void)server.engine().create_tasks(request(), std::move(drafts), [&](std::span<const NewWork> works) {
      for (const NewWork& work : works) {
        made.tasks.push_back(work.task.id);
        if (work.execution) made.executions.push_back(work.execution->id);
      }
      return StoredReply{201, ""};
    });
    return made;
  }

  static std::vector<NewTask> drafts(std::size_t count, const std::optional<std::string>& queue = std::nullopt) {
    std::vector<NewTask> out(count, task());
    for (auto& draft : out) draft.spec.queue = queue;
    return out;
  }

  static SyncTask wanted(const std::string& name, const std::string& expression,
                         const std::string& url = "http://target.example/hook") {
    return {name, [=](const TaskSpec* present) {
              TaskSpec spec = present != nullptr ? *present : cron_task(expression).spec;
              spec.name = name;
              spec.cron_expression = expression;
              spec.url = url;
              return spec;
            }};
  }

  SyncedTasks sync(Server& server, std::vector<SyncTask> tasks, bool remove_others = false) const {
    SyncedTasks done;
    (void)server.engine().sync_tasks(request(), {std::move(tasks), remove_others}, [&](const SyncedTasks& synced) {
      done = synced;
      return StoredReply{200, ""};
    });
    return done;
  }

  std::vector<Task> tasks(Server& server) const {
    TaskQuery query;
    query.organization_id = principal.organization_id;
    query.limit = 100;
    return server.engine().list_tasks(query).items;
  }

  double counter(const std::string& line) {
    const std::string text = host.metrics().text();
    const auto at = text.find('\n' + line + ' ');
    return at == std::string::npos ? 0 : std::stod(text.substr(at + line.size() + 2));
  }
};

}  // namespace

TEST_CASE_METHOD(GroupFixture, "a batch that is due is sent right after its commit, without a claim") {
  Server server(store, clock, host);
  const auto made = create_all(server, drafts(100));
  REQUIRE(server.transport().wait_started(100));
  for (const auto id : made.executions) CHECK(reaches(server, id, ExecutionStatus::success));
  CHECK(server.transport().started().size() == 100);
  CHECK(counter("punctual_claims_total{how=\"at_insert\"}") == 100);
}

TEST_CASE_METHOD(GroupFixture, "the ids of a batch ascend in its order") {
  Server server(store, clock, host);
  const auto made = create_all(server, drafts(300, "q"));
  CHECK(std::is_sorted(made.tasks.begin(), made.tasks.end()));
  CHECK(std::is_sorted(made.executions.begin(), made.executions.end()));
}

TEST_CASE_METHOD(GroupFixture, "what of a batch has no room is claimed later") {
  EngineSettings settings;
  settings.max_in_flight = 10;
  Server server(store, clock, host, settings);
  server.transport().answer_with(std::nullopt);
  const auto made = create_all(server, drafts(30));
  REQUIRE(server.transport().wait_started(9));
  server.transport().answer_with(200);
  for (const auto& delivery : server.transport().started()) server.transport().finish(delivery.id, 200);
  for (const auto id : made.executions) CHECK(reaches_in_time(server, id, ExecutionStatus::success));
  CHECK(server.transport().started().size() == 30);
}

TEST_CASE_METHOD(GroupFixture, "a batch with a queue is sent one after another, in its order") {
  Server server(store, clock, host);
  const auto made = create_all(server, drafts(20, "q"));
  for (const auto id : made.executions) REQUIRE(reaches_in_time(server, id, ExecutionStatus::success));
  std::vector<ExecutionId> sent;
  for (const auto& delivery : server.transport().started()) sent.push_back(delivery.id);
  CHECK(sent == made.executions);
}

TEST_CASE_METHOD(GroupFixture, "a batch may be due later, and hold cron tasks") {
  Server server(store, clock, host);
  auto all = drafts(2);
  all[0].delay = 10s;
  all.push_back(cron_task("* * * * *"));
  const auto made = create_all(server, std::move(all));
  CHECK(made.tasks.size() == 3);
  REQUIRE(made.executions.size() == 2);
  REQUIRE(reaches(server, made.executions[1], ExecutionStatus::success));
  CHECK(status(server, made.executions[0]) == ExecutionStatus::pending);
  REQUIRE(reaches_in_time(server, made.executions[0], ExecutionStatus::success));
  CHECK(server.engine().find_task(principal, made.tasks[2]).next_run_at == test_start + 60s);
}

TEST_CASE_METHOD(GroupFixture, "a batch with a task that cannot be made names it, and makes none") {
  Server server(store, clock, host);
  auto all = drafts(2);
  all.push_back(cron_task("61 * * * *"));
  try {
    (void)create_all(server, std::move(all));
    FAIL("it was made");
  } catch (const Invalid& problem) {
    CHECK(problem.fields() == Invalid::Fields{{"tasks[2].cron", {"is not a valid cron expression"}}});
  }
  CHECK(tasks(server).empty());
}

TEST_CASE_METHOD(GroupFixture, "a repeated batch is answered as the first one and makes nothing") {
  Server server(store, clock, host);
  Request keyed = request();
  keyed.idempotency = IdempotencyKey{"k", Digest{1}};
  int number = 0;
  const auto render = [&](std::span<const NewWork>) { return StoredReply{201, std::to_string(++number)}; };
  const auto first = server.engine().create_tasks(keyed, drafts(5), render);
  const auto again = server.engine().create_tasks(keyed, drafts(5), render);
  CHECK_FALSE(first.replayed);
  CHECK(again.replayed);
  CHECK(again.content == first.content);
  CHECK(executions(server).size() == 5);
  CHECK(server.transport().started().size() == 5);
  keyed.idempotency->request = Digest{2};
  CHECK_THROWS_AS(server.engine().create_tasks(keyed, drafts(5), render), KeyReused);
}

TEST_CASE_METHOD(GroupFixture, "a sync creates, updates and removes, and says which") {
  Server server(store, clock, host);
  const auto first = sync(server, {wanted("b", "0 * * * *"), wanted("a", "* * * * *")});
  CHECK(first.created == std::vector<std::string>{"b", "a"});
  CHECK(first.updated.empty());
  const auto again = sync(server, {wanted("b", "0 * * * *"), wanted("a", "* * * * *")}, true);
  CHECK(again.created.empty());
  CHECK(again.updated.empty());
  CHECK(again.removed.empty());
  const auto once = create(server, task(1h));
  const auto last = sync(server, {wanted("c", "* * * * *"), wanted("b", "30 * * * *")}, true);
  CHECK(last.created == std::vector<std::string>{"c"});
  CHECK(last.updated == std::vector<std::string>{"b"});
  CHECK(last.removed == std::vector<std::string>{"a"});
  CHECK(server.engine().find_task(principal, once.task.id).spec == once.task.spec);
  for (const Task& task : tasks(server)) {
    if (task.spec.name == "b") CHECK(task.next_run_at == test_start + 30min);
  }
}

TEST_CASE_METHOD(GroupFixture, "tasks that a sync makes run at their times") {
  Server server(store, clock, host);
  (void)sync(server, {wanted("a", "* * * * *")});
  clock.advance(59s);
  REQUIRE(eventually([&] { return executions(server).size() == 1; }));
  REQUIRE(reaches_in_time(server, executions(server).at(0).id, ExecutionStatus::success));
}

TEST_CASE_METHOD(GroupFixture, "what is wrong with a task of a sync is named with its place, and nothing is done") {
  Server server(store, clock, host);
  (void)create(server, [] {
    NewTask draft = cron_task("* * * * *");
    draft.spec.name = "twice";
    return draft;
  }());
  const auto refusal = [&](std::vector<SyncTask> wishes) {
    try {
      (void)sync(server, std::move(wishes), true);
    } catch (const Invalid& problem) {
      return problem.fields();
    }
    return Invalid::Fields{};
  };
  CHECK(refusal({wanted("a", "* * * * *"), wanted("b", "61 * * * *")}) ==
        Invalid::Fields{{"tasks[1].cron", {"is not a valid cron expression"}}});
  CHECK(tasks(server).size() == 1);
  (void)create(server, [] {
    NewTask draft = cron_task("0 * * * *");
    draft.spec.name = "twice";
    return draft;
  }());
  CHECK(refusal({wanted("a", "* * * * *"), wanted("twice", "* * * * *")}) ==
        Invalid::Fields{{"tasks[1].name", {"is the name of several tasks"}}});
  CHECK(tasks(server).size() == 2);
}

TEST_CASE_METHOD(GroupFixture, "a sync reaches what a server has claimed ahead") {
  clock.advance(58900ms);
  Server server(store, clock, host);
  std::optional<Server> second;
  if (store.allows_several_servers()) second.emplace(store, clock, host);
  (void)sync(server, {wanted("changed", "* * * * *", "http://target.example/old"),
                      wanted("removed", "* * * * *", "http://target.example/removed")});
  clock.advance(600ms);
  REQUIRE(eventually([&] { return counter("punctual_claims_total{how=\"ahead\"}") == 2; }));
  Server& other = second ? *second : server;
  const auto done = sync(other, {wanted("changed", "* * * * *", "http://target.example/new")}, true);
  CHECK(done.updated == std::vector<std::string>{"changed"});
  CHECK(done.removed == std::vector<std::string>{"removed"});
  clock.advance(600ms);
  REQUIRE(eventually(
      [&] { return server.transport().started().size() + (second ? second->transport().started().size() : 0) == 1; }));
  std::this_thread::sleep_for(30ms);
  std::vector<Delivery> sent = server.transport().started();
  if (second) {
    const auto more = second->transport().started();
    sent.insert(sent.end(), more.begin(), more.end());
  }
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].url == "http://target.example/new");
}

TEST_CASE_METHOD(GroupFixture, "syncs of many threads at once create every name once") {
  Server server(store, clock, host);
  std::optional<Server> second;
  if (store.allows_several_servers()) second.emplace(store, clock, host);
  std::atomic<std::size_t> created{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < 12; ++t) {
    clients.emplace_back([&, t] {
      Server& through = second && t % 2 == 1 ? *second : server;
      try {
        created += sync(through, {wanted("a", "* * * * *"), wanted("b", "* * * * *")}, true).created.size();
      } catch (const Error&) {
        ++failed;
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(created == 2);
  CHECK(tasks(server).size() == 2);
}

TEST_CASE_METHOD(GroupFixture, "one key from many threads at both of two servers does every kind of work once") {
  Server server(store, clock, host);
  std::optional<Server> second;
  if (store.allows_several_servers()) second.emplace(store, clock, host);
  const auto target = create(server, task(1h));
  const auto queued = create(server, [] {
    NewTask draft = task(1h);
    draft.spec.queue = "q";
    return draft;
  }());
  const StoredReply reply{200, "x"};
  int number = 0;
  const auto at_once = [&](const std::function<Reply(TaskEngine&, const Request&)>& work) {
    Request keyed = request();
    keyed.idempotency = IdempotencyKey{"key-" + std::to_string(++number), Digest{1}};
    std::atomic<int> done{0};
    std::vector<std::thread> clients;
    for (int t = 0; t < 16; ++t) {
      clients.emplace_back([&, t] {
        TaskEngine& engine = second && t % 2 == 1 ? second->engine() : server.engine();
        if (!work(engine, keyed).replayed) ++done;
      });
    }
    for (auto& client : clients) client.join();
    return done.load();
  };
  CHECK(at_once([&](TaskEngine& engine, const Request& keyed) {
          return engine.create_task(keyed, task(1h), [&](const CreatedTask&) { return reply; });
        }) == 1);
  CHECK(tasks(server).size() == 3);
  CHECK(at_once([&](TaskEngine& engine, const Request& keyed) {
          return engine.create_tasks(keyed, drafts(10, "batch"), [&](std::span<const NewWork>) { return reply; });
        }) == 1);
  CHECK(tasks(server).size() == 13);
  CHECK(
      at_once([&](TaskEngine& engine, const Request& keyed) {
        return engine.sync_tasks(keyed, {{wanted("a", "0 0 1 1 *")}, false}, [&](const SyncedTasks&) { return reply; });
      }) == 1);
  CHECK(tasks(server).size() == 14);
  CHECK(at_once([&](TaskEngine& engine, const Request& keyed) {
          return engine.trigger_task(keyed, target.task.id, [&](const StartedRun&) { return reply; });
        }) == 1);
  CHECK(executions(server, target.task.id).size() == 2);
  CHECK(at_once([&](TaskEngine& engine, const Request& keyed) {
          TaskChange change;
          change.apply = [](const Task& before) {
            TaskSpec spec = before.spec;
            spec.timeout += 1ms;
            return spec;
          };
          return engine.update_task(keyed, target.task.id, change, [&](const Task&) { return reply; });
        }) == 1);
  CHECK(server.engine().find_task(principal, target.task.id).spec.timeout == target.task.spec.timeout + 1ms);
  CHECK(at_once([&](TaskEngine& engine, const Request& keyed) {
          return engine.delete_task(keyed, target.task.id, reply);
        }) == 1);
  CHECK(at_once([&](TaskEngine& engine, const Request& keyed) {
          return engine.delete_queue(keyed, "q", [&](std::size_t) { return reply; });
        }) == 1);
  CHECK_THROWS_AS(server.engine().find_task(principal, queued.task.id), NotFound);
}
