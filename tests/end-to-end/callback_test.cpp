// Callbacks of the built server, to a real receiver.
#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "deployment.hpp"
#include "mixed_clients.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> keys_of(const boost::json::object& object) {
  std::vector<std::string> out;
  for (const auto& member : object) out.emplace_back(member.key());
  return out;
}

boost::json::object json_of(const TargetRequest& request) { return boost::json::parse(request.body).as_object(); }

}  // namespace

TEST_CASE_METHOD(Deployment, "a callback tells how each attempt of a task ended") {
  target().answer("/hook", fail_first(1, {.status = 503, .body = "busy"}, {.status = 200, .body = "fine"}));
  const auto created = create(
      {{"url", target().url("/hook")}, {"callback_url", target().url("/done")}, {"retry_delay", 1}, {"body", "x"}});
  REQUIRE(eventually([&] { return target().requests("/done").size() == 2; }));
  const auto requests = target().requests("/done");
  const auto first = json_of(requests[0]);
  CHECK(keys_of(first) == std::vector<std::string>{"event", "final", "task_id", "execution_id", "run_id", "status",
                                                   "status_code", "duration_ms", "response_body", "error_message",
                                                   "attempt", "scheduled_for", "started_at", "finished_at"});
  CHECK(first.at("event") == "execution.completed");
  CHECK(first.at("final") == false);
  CHECK(first.at("task_id") == created.at("task_id"));
  CHECK(first.at("execution_id") == created.at("execution_id"));
  CHECK(first.at("status") == "failed");
  CHECK(first.at("status_code") == 503);
  CHECK(first.at("response_body") == "busy");
  CHECK(first.at("error_message") == "HTTP 503");
  const auto last = json_of(requests[1]);
  CHECK(last.at("final") == true);
  CHECK(last.at("run_id") == created.at("execution_id"));
  CHECK(last.at("status") == "success");
  CHECK(last.at("response_body") == "fine");
  CHECK(last.at("attempt") == 2);
  CHECK(requests[1].method == "POST");
  CHECK(requests[1].header("content-type") == "application/json");
  CHECK(requests[1].header("webhook-signature").value_or("").starts_with("v1,"));
  CHECK(requests[1].header("webhook-id") != requests[0].header("webhook-id"));
  CHECK(requests[1].header("webhook-id") != std::string(created.at("execution_id").as_string()));
}

TEST_CASE_METHOD(Deployment, "a task tells when it has failed and when it has recovered") {
  target().answer("/hook", fail_first(1, {.status = 500}));
  const auto created = create({{"url", target().url("/hook")},
                               {"name", "report"},
                               {"retry_attempts", 0},
                               {"on_failure_url", target().url("/failed")},
                               {"on_recovery_url", target().url("/recovered")}});
  REQUIRE(eventually([&] { return target().requests("/failed").size() == 1; }));
  const auto failed = json_of(target().requests("/failed").at(0));
  CHECK(keys_of(failed) == std::vector<std::string>{"event", "task", "execution"});
  CHECK(failed.at("event") == "task.failed");
  CHECK(failed.at("task").at("name") == "report");
  CHECK(failed.at("execution").at("id") == created.at("execution_id"));
  const std::string trigger = "/api/v1/tasks/" + std::string(created.at("task_id").as_string()) + "/trigger";
  REQUIRE(client().post(trigger, "").status == 202);
  REQUIRE(eventually([&] { return target().requests("/recovered").size() == 1; }));
  CHECK(json_of(target().requests("/recovered").at(0)).at("event") == "task.recovered");
  CHECK(target().requests("/failed").size() == 1);
}

TEST_CASE_METHOD(Deployment, "kills under load lose no callback of an attempt that has ended") {
  auto& site = installation();
  // Where several servers may serve, one goes on and finds the dead one by its silence.
  const std::size_t victim = storage().allows_several_servers() ? site.start() : 0;
  Arrivals callbacks;
  // Some receivers fail once: kills fall into the wait for another try as well.
  std::atomic<int> number{0};
  callbacks.record(site.target(), "/done", [&](const TargetRequest&) {
    return TargetAnswer{.status = ++number % 10 == 0 ? 503 : 200, .delay = milliseconds{number % 3 == 0 ? 50 : 0}};
  });
  auto clients = mixed_clients(site, 4);
  for (auto& client : clients) {
    client.fields = [&site, fields = client.fields](int task) {
      return fields(task) + R"(,"callback_url":")" + site.target().url("/done") + "\"";
    };
  }
  SteadyLoad load(std::move(clients), [&] { return site.addresses(); });
  for (int kill = 0; kill < 8; ++kill) {
    const std::size_t before = load.accepted();
    REQUIRE(eventually([&] { return load.accepted() >= before + 100; }, 30s));
    site.server(victim).process().signal(SIGKILL);
    (void)site.server(victim).process().wait();
    site.start_again(victim);
  }
  const auto account = load.finish();
  REQUIRE(site.arrivals().have(account.accepted, 30s));
  // Every attempt that came to its target ends, and its callback comes.
  const auto missing = [&] {
    std::set<std::string> told;
    for (const auto& arrival : callbacks.all()) told.insert(arrival.execution);
    std::size_t count = 0;
    for (const auto& arrival : site.arrivals().all()) count += told.contains(arrival.execution) ? 0 : 1;
    return count;
  };
  CHECK(eventually([&] { return missing() == 0; }, 60s));
  // And says what the attempt was, in every repetition.
  std::map<std::string, std::string> bodies;
  for (const auto& arrival : callbacks.all()) {
    const auto told = boost::json::parse(arrival.body).as_object();
    CHECK(told.at("execution_id").as_string() == arrival.execution);
    CHECK(bodies.emplace(arrival.execution, arrival.body).first->second == arrival.body);
  }
}
