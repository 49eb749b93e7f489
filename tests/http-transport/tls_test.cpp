#include "support/http_target.hpp"
#include "tls_server.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

std::string https_url(std::uint16_t port) { return "https://localhost:" + std::to_string(port) + "/"; }

}  // namespace

TEST_CASE("a server with a certificate of a given authority is trusted") {
  TlsServer server;
  TransportUnderTest under_test({{"delivery.ca_file", boost::json::string(server.certificate_file())}});
  const auto outcome = under_test.send(https_url(server.port()));
  INFO(outcome.error);
  CHECK(outcome.result == DeliveryResult::responded);
  CHECK(outcome.body == "secure");
}

TEST_CASE("a server with a certificate that nobody vouches for is not sent to") {
  TlsServer server;
  TransportUnderTest under_test;
  const auto outcome = under_test.send(https_url(server.port()));
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK_THAT(outcome.error, Catch::StartsWith("TLS handshake failed: ") && Catch::Contains("certificate"));
}

TEST_CASE("a server with a certificate for another name is not sent to") {
  TlsServer server("other.example");
  TransportUnderTest under_test({{"delivery.ca_file", boost::json::string(server.certificate_file())}});
  const auto outcome = under_test.send(https_url(server.port()));
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK_THAT(outcome.error, Catch::StartsWith("TLS handshake failed: "));
}

TEST_CASE("a server that does not speak TLS is named") {
  HttpTarget target;
  TransportUnderTest under_test;
  const auto outcome = under_test.send("https://127.0.0.1:" + std::to_string(target.port()) + "/");
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK_THAT(outcome.error, Catch::StartsWith("TLS handshake failed: "));
}
