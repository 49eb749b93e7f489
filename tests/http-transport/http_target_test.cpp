// The target itself, where other suites rely on it.
#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("a target fails as often as it was told and then succeeds") {
  HttpTarget target;
  target.answer("/", fail_first(2));
  TransportUnderTest under_test;
  std::vector<int> statuses;
  for (int i = 0; i < 4; ++i) statuses.push_back(under_test.send(target.url()).status_code);
  CHECK(statuses == std::vector<int>{503, 503, 200, 200});
}

TEST_CASE("a target answers by the query of the request") {
  HttpTarget target;
  TransportUnderTest under_test;
  const auto outcome = under_test.send(target.url("/x?status=204&delay_ms=30"));
  CHECK(outcome.status_code == 204);
  CHECK(outcome.duration >= milliseconds{30});
}

TEST_CASE("a target records when and over which connection a request came") {
  HttpTarget target;
  TransportUnderTest under_test({{"delivery.threads", 1}});
  const auto before = std::chrono::floor<microseconds>(std::chrono::system_clock::now());
  (void)under_test.send(target.url("/a"));
  (void)under_test.send(target.url("/b"));
  REQUIRE(target.wait_for(2));
  const auto requests = target.requests();
  CHECK(requests.at(0).path == "/a");
  CHECK(requests.at(0).arrived_at >= before);
  CHECK(requests.at(1).arrived_at >= requests.at(0).arrived_at);
  CHECK(requests.at(1).connection == 1);
}

TEST_CASE("waiting for requests that do not come ends") {
  HttpTarget target;
  CHECK_FALSE(target.wait_for(1, milliseconds{10}));
}
