// What organisations and queues have of several servers together.
#include <algorithm>
#include <catch2/catch.hpp>

#include "installation.hpp"
#include "support/eventually.hpp"
#include "support/fresh_storage.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct SharedServers {
  void start(std::size_t count, const std::vector<std::string>& more = {}) {
    for (std::size_t i = 0; i < count; ++i) (void)site.start(more);
  }

  // So many tasks for `path` in one request to one of the servers; other fields of it: `,"queue":"…"`.
  void create(const HttpClient& client, std::size_t count, const std::string& path, const std::string& fields = {}) {
    std::string items;
    for (std::size_t i = 0; i < count; ++i) items += (i == 0 ? "\"" : ",\"") + path + "-" + std::to_string(i) + "\"";
    const auto reply = client.post(
        "/api/v1/tasks/batch", R"({"url":")" + site.target().url(path) + R"(","items":[)" + items + "]" + fields + "}");
    REQUIRE(reply.status == 201);
  }

  FreshStorage storage;
  Installation site{storage.url()};
};

}  // namespace

TEST_CASE_METHOD(SharedServers,
                 "on two and four servers ten tasks arrive beside a backlog whose target does not answer for minutes") {
  constexpr std::size_t places = 50;
  const std::size_t servers = GENERATE(2, 4);
  start(servers, {"--set", "engine.max_in_flight=" + std::to_string(places)});
  site.arrivals().record(site.target(), "/greedy", TargetAnswer{.delay = 300s});
  site.arrivals().record(site.target(), "/small", TargetAnswer{});
  create(site.client(), 1000, "/greedy", R"(,"timeout_ms":300000)");
  // The greedy one has what it can get: all but what is kept for others.
  REQUIRE(eventually([&] { return site.arrivals().of("/greedy").size() >= servers * places / 2; }, 30s));
  const HttpClient small(site.client(servers - 1).address(), site.add_organization("small"));
  create(small, 10, "/small");
  CHECK(eventually([&] { return site.arrivals().of("/small").size() == 10; }, 30s));
  CHECK(site.arrivals().of("/greedy").size() < servers * places);
  CHECK(site.arrivals().repeated().empty());
}

TEST_CASE_METHOD(SharedServers, "two and four servers together start no more of a queue than its rate") {
  constexpr std::size_t count = 100;
  const std::size_t servers = GENERATE(2, 4);
  start(servers);
  site.arrivals().record(site.target(), "/limited", TargetAnswer{});
  REQUIRE(site.client().request("PUT", "/api/v1/queues/limited", R"({"concurrency":50,"rate":"25/s"})").status == 200);
  create(site.client(1), count, "/limited", R"(,"queue":"limited")");
  REQUIRE(eventually([&] { return site.arrivals().of("/limited").size() == count; }, 60s));
  auto arrivals = site.arrivals().of("/limited");
  const auto [first, last] =
      std::minmax_element(arrivals.begin(), arrivals.end(),
                          [](const Arrivals::Arrival& a, const Arrivals::Arrival& b) { return a.at < b.at; });
  // From the first start to the last it is 3.96 s; on a busy machine the first one may take a while to arrive.
  CHECK(last->at - first->at > 3s);
  CHECK(site.arrivals().repeated().empty());
}
