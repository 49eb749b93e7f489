// No delivery reaches an address that must not be reached.
#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

Overrides closed() { return {{"delivery.allow_private_networks", false}}; }

Overrides open_for(const char* range) {
  return {{"delivery.allow_private_networks", false}, {"delivery.allow_cidrs", boost::json::array{range}}};
}

}  // namespace

TEST_CASE("a literal private address is blocked before anything is sent") {
  HttpTarget target;
  TransportUnderTest under_test(closed());
  const auto outcome = under_test.send(target.url());
  CHECK(outcome.result == DeliveryResult::blocked);
  CHECK(outcome.error == "127.0.0.1");
  CHECK_FALSE(outcome.sent_at);
  CHECK(target.connection_count() == 0);
}

TEST_CASE("a blocked URL does not show its password") {
  TransportUnderTest under_test(closed());
  const auto outcome = under_test.send("http://user:secret@localhost/");
  CHECK(outcome.result == DeliveryResult::blocked);
  CHECK(outcome.error == "localhost");
}

TEST_CASE("a name that resolves to a private address is blocked when connecting") {
  HttpTarget target;
  // The range opens names of this machine to be judged by their address, and holds not this one.
  TransportUnderTest under_test(open_for("127.0.0.2"));
  const auto outcome = under_test.send("http://localhost:" + std::to_string(target.port()) + "/");
  CHECK(outcome.result == DeliveryResult::blocked);
  CHECK((outcome.error == "127.0.0.1" || outcome.error == "::1"));
  CHECK(outcome.sent_at);
  CHECK(target.connection_count() == 0);
}

TEST_CASE("an allowed range is reached by address and by name") {
  HttpTarget target;
  TransportUnderTest under_test(open_for("127.0.0.0/8"));
  CHECK(under_test.send(target.url()).result == DeliveryResult::responded);
  CHECK(under_test.send("http://localhost:" + std::to_string(target.port()) + "/").result == DeliveryResult::responded);
}

TEST_CASE("check_target and sending agree") {
  TransportUnderTest under_test(closed());
  CHECK(under_test.transport.check_target("http://127.1/") == TargetProblem::refused);
  CHECK(under_test.send("http://127.1/").result == DeliveryResult::blocked);
  CHECK(under_test.transport.check_target("http://") == TargetProblem::malformed);
  CHECK(under_test.send("http://").result == DeliveryResult::transport_error);
  CHECK_FALSE(under_test.transport.check_target("https://example.com/hook"));
}
