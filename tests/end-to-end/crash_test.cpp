// A server that dies or is stopped in the middle of its work loses nothing it has accepted.
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "deployment.hpp"
#include "mixed_clients.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

Time now() { return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()); }

}  // namespace

TEST_CASE_METHOD(Deployment,
                 "twenty kills under load lose nothing that was accepted and repeat only what was under way") {
  auto& site = installation();
  // Where several servers may serve, one goes on and finds the dead one by its silence.
  const std::size_t victim = storage().allows_several_servers() ? site.start() : 0;
  SteadyLoad load(mixed_clients(installation(), 4), [&] { return site.addresses(); });
  std::vector<Time> kills;
  while (kills.size() < 20) {
    const std::size_t before = load.accepted();
    REQUIRE(eventually([&] { return load.accepted() >= before + 100; }, 30s));
    kills.push_back(now());
    site.server(victim).process().signal(SIGKILL);
    (void)site.server(victim).process().wait();
    site.start_again(victim);
  }
  const auto account = load.finish();
  CHECK(account.unexpected.empty());
  CHECK(account.unhelpful == 0);
  CHECK(site.arrivals().have(account.accepted, 30s));
  const auto by_a_kill = [&](const Arrivals::Arrival& first, const Arrivals::Arrival& second) {
    return std::any_of(kills.begin(), kills.end(),
                       [&](Time kill) { return first.at <= kill + 1s && kill <= second.at && kill - first.at < 5s; });
  };
  for (const auto& [execution, arrivals] : site.arrivals().repeated()) {
    for (std::size_t i = 1; i < arrivals.size(); ++i) CHECK(by_a_kill(arrivals[i - 1], arrivals[i]));
  }
}

TEST_CASE_METHOD(Deployment, "a server that is asked to stop finishes what is under way and repeats nothing") {
  SteadyLoad load(mixed_clients(installation(), 4), [this] { return installation().addresses(); });
  REQUIRE(eventually([&] { return load.accepted() >= 200; }));
  CHECK(server().stop().exit_code == 0);
  const auto account = load.finish();
  start();
  CHECK(installation().arrivals().have(account.accepted, 10s));
  CHECK(installation().arrivals().repeated().empty());
}

TEST_CASE_METHOD(Deployment, "a reply to an idempotency key survives a kill") {
  const std::string body = R"({"url":")" + target().url("/once") + R"("})";
  const auto first = client().post("/api/v1/tasks", body, {{"Idempotency-Key", "order-1"}});
  REQUIRE(first.status == 202);
  server().process().signal(SIGKILL);
  (void)server().process().wait();
  start();
  const auto again = client().post("/api/v1/tasks", body, {{"Idempotency-Key", "order-1"}});
  CHECK(again.status == 202);
  CHECK(again.body == first.body);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(client().post("/api/v1/tasks", body + " ", {{"Idempotency-Key", "order-1"}}).error_code() ==
        "idempotency_key_reused");
}
