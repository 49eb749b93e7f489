// Cancelling and draining: every completion runs, and runs once.
#include <atomic>
#include <thread>

#include "support/eventually.hpp"
#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

Delivery numbered(const HttpTarget& target, std::string_view path, std::uint32_t number) {
  auto out = delivery_to(target.url(path));
  out.id = execution_id(number);
  out.timeout = seconds{60};
  return out;
}

}  // namespace

TEST_CASE("a cancelled delivery ends at once and others go on") {
  HttpTarget target;
  target.answer("/never", {.shape = TargetAnswer::Shape::never});
  Outcomes cancelled;
  Outcomes others;
  TransportUnderTest under_test;
  under_test.transport.start(numbered(target, "/never", 1), cancelled.completion());
  under_test.transport.start(numbered(target, "/never", 2), others.completion());
  REQUIRE(target.wait_for(2));
  under_test.transport.cancel(execution_id(1));
  REQUIRE(cancelled.wait_for(1));
  CHECK(cancelled.all().front().result == DeliveryResult::cancelled);
  CHECK(cancelled.all().front().sent_at);
  CHECK(others.all().empty());
  // The target sees that nobody waits for its answer any more.
  CHECK(eventually([&] { return target.open_connection_count() == 1; }));
}

TEST_CASE("a delivery is cancelled while its response comes in") {
  HttpTarget target;
  target.answer("/slow", {.body = std::string(10'000, 'x'), .shape = TargetAnswer::Shape::slow});
  Outcomes cancelled;
  TransportUnderTest under_test;
  under_test.transport.start(numbered(target, "/slow", 1), cancelled.completion());
  REQUIRE(target.wait_for(1));
  std::this_thread::sleep_for(milliseconds{50});  // some of it has come
  under_test.transport.cancel(execution_id(1));
  REQUIRE(cancelled.wait_for(1));
  CHECK(cancelled.all().front().result == DeliveryResult::cancelled);
  CHECK(eventually([&] { return target.open_connection_count() == 0; }));
}

TEST_CASE("cancelling what is unknown or has ended does nothing") {
  HttpTarget target;
  TransportUnderTest under_test;
  under_test.transport.cancel(execution_id(1));
  CHECK(under_test.send(numbered(target, "/", 1)).result == DeliveryResult::responded);
  under_test.transport.cancel(execution_id(1));
  CHECK(under_test.send(numbered(target, "/", 1)).result == DeliveryResult::responded);
}

TEST_CASE("a delivery is cancelled while its host is being looked up") {
  Outcomes outcomes;
  TransportUnderTest under_test;
  for (std::uint32_t i = 0; i < 50; ++i) {
    auto delivery = delivery_to(url_without_address());
    delivery.id = execution_id(i);
    under_test.transport.start(std::move(delivery), outcomes.completion());
  }
  for (std::uint32_t i = 0; i < 50; ++i) under_test.transport.cancel(execution_id(i));
  REQUIRE(outcomes.wait_for(50));
  CHECK(outcomes.count(DeliveryResult::responded) == 0);
}

TEST_CASE("a drain waits for what is under way") {
  HttpTarget target;
  Outcomes outcomes;
  TransportUnderTest under_test;
  for (std::uint32_t i = 0; i < 20; ++i) {
    under_test.transport.start(numbered(target, "/?delay_ms=100", i), outcomes.completion());
  }
  under_test.transport.drain(seconds{20});
  CHECK(outcomes.count(DeliveryResult::responded) == 20);
}

TEST_CASE("a drain cancels what is left at its limit") {
  HttpTarget target;
  target.answer("/never", {.shape = TargetAnswer::Shape::never});
  Outcomes outcomes;
  TransportUnderTest under_test;
  for (std::uint32_t i = 0; i < 20; ++i) {
    under_test.transport.start(numbered(target, "/never", i), outcomes.completion());
  }
  REQUIRE(target.wait_for(20));
  const auto begin = Steady::now();
  under_test.transport.drain(milliseconds{50});
  CHECK(Steady::now() - begin < seconds{5});
  CHECK(outcomes.count(DeliveryResult::cancelled) == 20);
}

TEST_CASE("a start after the drain completes as cancelled") {
  HttpTarget target;
  TransportUnderTest under_test;
  under_test.transport.drain(seconds{1});
  const auto outcome = under_test.send(target.url());
  CHECK(outcome.result == DeliveryResult::cancelled);
  CHECK_FALSE(outcome.sent_at);
}

TEST_CASE("a drain may be asked for twice") {
  TransportUnderTest under_test;
  under_test.transport.drain(seconds{1});
  under_test.transport.drain(seconds{1});
  SUCCEED();
}

TEST_CASE("a completion may start the next delivery") {
  HttpTarget target;
  Outcomes outcomes;
  TransportUnderTest under_test;
  under_test.transport.start(delivery_to(target.url("/first")), [&](DeliveryOutcome&&) {
    under_test.transport.start(delivery_to(target.url("/second")), outcomes.completion());
  });
  REQUIRE(outcomes.wait_for(1));
  CHECK(target.requests("/second").size() == 1);
}

TEST_CASE("every completion runs once while many threads start, cancel and drain") {
  constexpr std::uint32_t threads = 4;
  constexpr std::uint32_t each = 1500;
  HttpTarget target;
  target.keep_requests(false);
  std::vector<std::atomic<int>> completions(threads * each);
  std::atomic<int> calls{0};
  {
    TransportUnderTest under_test;
    std::vector<std::thread> workers;
    for (std::uint32_t t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        for (std::uint32_t i = 0; i < each; ++i) {
          const auto number = t * each + i;
          const char* path = i % 3 == 0 ? "/?delay_ms=3000" : "/";
          auto delivery = numbered(target, path, number);
          if (i % 7 == 0) delivery.url = "http://localhost:" + std::to_string(target.port()) + "/";
          under_test.transport.start(std::move(delivery), [&, number](DeliveryOutcome&&) {
            ++completions[number];
            ++calls;
          });
          if (i % 2 == 0) under_test.transport.cancel(execution_id(number));
        }
      });
    }
    std::thread drainer([&] {
      while (calls < static_cast<int>(threads * each / 3)) std::this_thread::yield();
      under_test.transport.drain(milliseconds{20});
    });
    for (auto& worker : workers) worker.join();
    drainer.join();
  }
  CHECK(calls == static_cast<int>(threads * each));
  CHECK(std::all_of(completions.begin(), completions.end(), [](const auto& count) { return count == 1; }));
}
