// How deliveries end.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;
using Shape = TargetAnswer::Shape;

namespace {

DeliveryOutcome outcome_of(TargetAnswer answer, const Overrides& overrides = {}) {
  HttpTarget target;
  target.answer("/", std::move(answer));
  TransportUnderTest under_test(overrides);
  auto delivery = delivery_to(target.url());
  delivery.timeout = seconds{5};
  return under_test.send(std::move(delivery));
}

}  // namespace

TEST_CASE("a response comes with status, headers and body") {
  const auto outcome = outcome_of({.status = 418, .body = "short", .headers = {{"X-A", "b"}, {"Retry-After", "9"}}});
  CHECK(outcome.result == DeliveryResult::responded);
  CHECK(outcome.status_code == 418);
  CHECK(outcome.body == "short");
  CHECK_FALSE(outcome.body_truncated);
  CHECK(outcome.headers == Headers{{"X-A", "b"}, {"Retry-After", "9"}, {"Content-Length", "5"}});
  CHECK(outcome.error.empty());
}

TEST_CASE("the time of sending and the duration are measured") {
  const auto before = std::chrono::floor<microseconds>(std::chrono::system_clock::now());
  const auto outcome = outcome_of({.delay = milliseconds{50}});
  REQUIRE(outcome.sent_at);
  CHECK(*outcome.sent_at >= before);
  CHECK(outcome.duration >= milliseconds{50});
  CHECK(outcome.duration < seconds{3});
}

TEST_CASE("a chunked body is put together") {
  const auto outcome = outcome_of({.body = "in two parts", .shape = Shape::chunked});
  CHECK(outcome.body == "in two parts");
}

TEST_CASE("a body that comes byte by byte is whole") {
  const auto outcome = outcome_of({.body = "slowly", .shape = Shape::slow, .interval = milliseconds{5}});
  CHECK(outcome.body == "slowly");
}

TEST_CASE("an encoded body is left as it is") {
  const auto outcome = outcome_of({.body = "\x1f\x8b not really", .headers = {{"Content-Encoding", "gzip"}}});
  CHECK(outcome.result == DeliveryResult::responded);
  CHECK(outcome.body == "\x1f\x8b not really");
}

TEST_CASE("a response to HEAD has no body") {
  HttpTarget target;
  TransportUnderTest under_test;
  auto delivery = delivery_to(target.url());
  delivery.method = Method::head;
  const auto outcome = under_test.send(std::move(delivery));
  CHECK(outcome.result == DeliveryResult::responded);
  CHECK(outcome.body.empty());
}

TEST_CASE("a long body is cut and its connection used again") {
  HttpTarget target;
  target.answer("/", {.body = std::string(1'000'000, 'x')});
  TransportUnderTest under_test({{"delivery.threads", 1}});
  const auto outcome = under_test.send(target.url());
  CHECK(outcome.result == DeliveryResult::responded);
  CHECK(outcome.body.size() == 262144);
  CHECK(outcome.body_truncated);
  (void)under_test.send(target.url());
  CHECK(target.connection_count() == 1);
}

TEST_CASE("how much of a body is kept can be set") {
  const auto outcome = outcome_of({.body = "0123456789"}, {{"delivery.max_response_bytes", 4}});
  CHECK(outcome.body == "0123");
  CHECK(outcome.body_truncated);
}

TEST_CASE("an endless body counts as a response that is cut") {
  const auto outcome = outcome_of({.shape = Shape::endless});
  CHECK(outcome.result == DeliveryResult::responded);
  CHECK(outcome.status_code == 200);
  CHECK(outcome.body.size() == 262144);
  CHECK(outcome.body_truncated);
}

TEST_CASE("a target that does not answer in time is timed out") {
  HttpTarget target;
  target.answer("/", {.shape = Shape::never});
  TransportUnderTest under_test;
  auto delivery = delivery_to(target.url());
  delivery.timeout = milliseconds{200};
  const auto outcome = under_test.send(std::move(delivery));
  CHECK(outcome.result == DeliveryResult::timed_out);
  CHECK(outcome.status_code == 0);
  CHECK(outcome.sent_at);
  CHECK(outcome.duration >= milliseconds{190});
}

TEST_CASE("the timeout counts until the last byte") {
  HttpTarget target;
  target.answer("/", {.body = std::string(1000, 'x'), .shape = Shape::slow, .interval = milliseconds{20}});
  TransportUnderTest under_test;
  auto delivery = delivery_to(target.url());
  delivery.timeout = milliseconds{200};
  CHECK(under_test.send(std::move(delivery)).result == DeliveryResult::timed_out);
}

TEST_CASE("a connection that is not taken up in time is told apart from a timeout") {
  TransportUnderTest under_test({{"delivery.connect_timeout", 100}});
  // A listener whose queue is full does not answer further connections.
  HttpTarget occupied;
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  socklen_t size = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    (void)::connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  const auto outcome = under_test.send("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "connection timed out");
  for (const int fd : fillers) ::close(fd);
  ::close(listener);
}

TEST_CASE("a refused connection is named") {
  std::string url;
  {
    HttpTarget gone;
    url = gone.url();
  }
  TransportUnderTest under_test;
  const auto outcome = under_test.send(url);
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "connection refused");
}

TEST_CASE("a name without an address is named") {
  TransportUnderTest under_test;
  const auto outcome = under_test.send(url_without_address());
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "could not resolve host");
}

TEST_CASE("a connection that closes without an answer is named") {
  const auto outcome = outcome_of({.shape = Shape::close});
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "connection closed without a response");
}

TEST_CASE("half a response is none") {
  const auto outcome = outcome_of({.body = "0123456789", .shape = Shape::cut_short});
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "connection closed before the whole response came");
  CHECK(outcome.body.empty());
}

TEST_CASE("what is not HTTP is named") {
  const auto outcome = outcome_of({.body = "220 mail.example ESMTP ready, good day\r\n", .shape = Shape::raw});
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "malformed response");
}

TEST_CASE("interim responses are passed over") {
  const auto outcome = outcome_of({.body = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                                           "HTTP/1.1 201 Created\r\nA: b\r\nContent-Length: 2\r\n\r\nok",
                                   .shape = Shape::raw});
  CHECK(outcome.status_code == 201);
  CHECK(outcome.headers.front().first == "A");
  CHECK(outcome.body == "ok");
}

TEST_CASE("what is not a URL is a transport error that does not repeat it") {
  TransportUnderTest under_test;
  const auto outcome = under_test.send("http://user:secret@exa mple.com/");
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "invalid URL");
  CHECK_FALSE(outcome.sent_at);
}

TEST_CASE("results are counted by kind and none stays in flight") {
  HttpTarget target;
  TransportUnderTest under_test;
  (void)under_test.send(target.url());
  (void)under_test.send("nonsense");
  under_test.transport.drain(seconds{5});
  auto& counts = under_test.host.counts;
  CHECK(counts.get("punctual_http_deliveries_started_total") == 2);
  CHECK(counts.get("punctual_http_deliveries_finished_total{responded}") == 1);
  CHECK(counts.get("punctual_http_deliveries_finished_total{transport_error}") == 1);
  CHECK(counts.get("punctual_http_deliveries_in_flight") == 0);
  CHECK(counts.get("punctual_http_delivery_duration_seconds") == 1);
}

TEST_CASE("a setting that makes no sense is refused by name") {
  PlainHost host;
  const auto make = [&](const Overrides& overrides) { HttpTransport(Settings(settings_json(overrides)), host); };
  CHECK_THROWS_WITH(make({{"delivery.threads", 0}}), Catch::Contains("delivery.threads"));
  CHECK_THROWS_WITH(make({{"delivery.allow_cidrs", boost::json::array{"10.0.0.0/99"}}}),
                    Catch::Contains("delivery.allow_cidrs: '10.0.0.0/99'"));
  CHECK_THROWS_WITH(make({{"delivery.ca_file", "/nowhere.pem"}}), Catch::Contains("delivery.ca_file"));
}
