// One organisation with more work than a server can hold does not keep another waiting.
#include <catch2/catch.hpp>

#include "deployment.hpp"
#include "steady_load.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

// One server that holds a hundred executions, and an organisation that has twenty times as many due.
struct BesideAGreedyOne : Deployment {
  void fill(const TargetAnswer& answer) {
    (void)server().stop();
    start({"--set", "engine.max_in_flight=100"});
    installation().arrivals().record(target(), "/greedy", answer);
    const auto fields = [this](int) { return R"("url":")" + target().url("/greedy") + R"(","timeout_ms":300000)"; };
    std::vector<SteadyLoad::Client> clients;
    for (int i = 0; i < 8; ++i) clients.push_back({"greedy" + std::to_string(i), key(), fields, 0ms});
    SteadyLoad load(clients, [this] { return installation().addresses(); });
    REQUIRE(eventually([&] { return load.accepted() >= 2000; }, 60s));
    CHECK(load.finish().unexpected.empty());
  }

  // Ten tasks of another organisation; whether they arrive.
  bool ten_of_another_arrive() {
    installation().arrivals().record(target(), "/small", TargetAnswer{});
    const HttpClient small(client().address(), installation().add_organization("small"));
    for (int i = 0; i < 10; ++i) {
      const auto reply = small.post(
          "/api/v1/tasks", R"({"url":")" + target().url("/small") + R"(","body":"small)" + std::to_string(i) + "\"}");
      if (reply.status != 202) return false;
    }
    return eventually([&] { return installation().arrivals().of("/small").size() == 10; });
  }
};

}  // namespace

TEST_CASE_METHOD(BesideAGreedyOne, "ten tasks arrive beside a backlog whose target does not answer for minutes") {
  fill(TargetAnswer{.delay = 300s});
  CHECK(ten_of_another_arrive());
  CHECK(installation().arrivals().of("/greedy").size() < 100);
}

TEST_CASE_METHOD(BesideAGreedyOne, "ten tasks arrive before a backlog that was there first is worked off") {
  fill(TargetAnswer{.delay = 500ms});
  CHECK(ten_of_another_arrive());
  CHECK(installation().arrivals().of("/greedy").size() < 2000);
}
