// Thousands of deliveries at the same time.
#include <unistd.h>

#include <fstream>

#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void start_many(TransportUnderTest& under_test, const std::string& url, std::uint32_t count, Outcomes& outcomes) {
  for (std::uint32_t i = 0; i < count; ++i) {
    auto delivery = delivery_to(url);
    delivery.id = execution_id(i);
    delivery.body = std::string(1024, 'x');
    delivery.timeout = seconds{30};
    under_test.transport.start(std::move(delivery), outcomes.completion());
  }
}

}  // namespace

TEST_CASE("5,000 deliveries wait for a slow target together") {
  HttpTarget target;
  target.keep_requests(false);
  Outcomes outcomes;
  TransportUnderTest under_test;
  [[maybe_unused]] const auto before = resident_bytes();
  start_many(under_test, target.url("/?delay_ms=3000"), 5000, outcomes);
  REQUIRE(target.wait_for(5000, seconds{10}));
  [[maybe_unused]] const auto grown = resident_bytes() - before;
  REQUIRE(outcomes.wait_for(5000, seconds{12}));
  CHECK(outcomes.count(DeliveryResult::responded) == 5000);
  CHECK(target.most_waiting() > 2500);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Both ends of each connection and the target's part are in it.
  INFO(grown / 5000 << " bytes a delivery");
  CHECK(grown < 200U * 1024 * 1024);
#endif
}

TEST_CASE("thousands of deliveries to a name that is not yet known look it up once a thread") {
  HttpTarget target;
  target.keep_requests(false);
  Outcomes outcomes;
  TransportUnderTest under_test;
  start_many(under_test, "http://localhost:" + std::to_string(target.port()) + "/", 3000, outcomes);
  REQUIRE(outcomes.wait_for(3000));
  CHECK(outcomes.count(DeliveryResult::responded) == 3000);
}

TEST_CASE("thousands of deliveries to a name without an address all end") {
  Outcomes outcomes;
  TransportUnderTest under_test;
  start_many(under_test, url_without_address(), 3000, outcomes);
  REQUIRE(outcomes.wait_for(3000, seconds{60}));
  CHECK(outcomes.count(DeliveryResult::transport_error) == 3000);
}

TEST_CASE("deliveries handed over while a loop is busy with others are not forgotten") {
  Outcomes outcomes;
  TransportUnderTest under_test;
  // These end at once, so that nothing but the handing over wakes the loop.
  start_many(under_test, "not a URL", 20'000, outcomes);
  REQUIRE(outcomes.wait_for(20'000));
  CHECK(outcomes.count(DeliveryResult::transport_error) == 20'000);
}

TEST_CASE("many deliveries one after another do not use up the local ports") {
  HttpTarget target;
  target.keep_requests(false);
  Outcomes outcomes;
  TransportUnderTest under_test;
  for (std::uint32_t done = 0; done < 20'000; done += 200) {
    start_many(under_test, target.url(), 200, outcomes);
    REQUIRE(outcomes.wait_for(done + 200));
  }
  CHECK(outcomes.count(DeliveryResult::responded) == 20'000);
  CHECK(target.connection_count() <= 400);
}
