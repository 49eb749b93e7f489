// What arrives at the target.
#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

TargetRequest sent(Delivery delivery) {
  HttpTarget target;
  TransportUnderTest under_test;
  delivery.url = target.url("/in");
  const auto outcome = under_test.send(std::move(delivery));
  REQUIRE(outcome.result == DeliveryResult::responded);
  REQUIRE(target.request_count() == 1);
  return target.requests().front();
}

Delivery with(Method method, std::string body = {}, Headers headers = {}) {
  auto out = delivery_to("");
  out.method = method;
  out.body = std::move(body);
  out.headers = std::move(headers);
  return out;
}

std::vector<std::string> header_names(const TargetRequest& request) {
  std::vector<std::string> out;
  for (const auto& header : request.headers) out.push_back(header.first);
  return out;
}

}  // namespace

TEST_CASE("a body is sent for POST, PUT, PATCH and DELETE") {
  const auto method = GENERATE(Method::post, Method::put, Method::patch, Method::del);
  const auto request = sent(with(method, "payload"));
  CHECK(request.method == name_of(method));
  CHECK(request.body == "payload");
  CHECK(request.header("content-length") == "7");
}

TEST_CASE("no body is sent for GET, HEAD and OPTIONS") {
  const auto method = GENERATE(Method::get, Method::head, Method::options);
  const auto request = sent(with(method, "payload"));
  CHECK(request.method == name_of(method));
  CHECK(request.body.empty());
  CHECK_FALSE(request.header("content-length"));
}

TEST_CASE("an empty POST, PUT or PATCH says that its body is empty") {
  const auto method = GENERATE(Method::post, Method::put, Method::patch);
  CHECK(sent(with(method)).header("content-length") == "0");
}

TEST_CASE("a DELETE without body has no length") { CHECK_FALSE(sent(with(Method::del)).header("content-length")); }

TEST_CASE("the transport adds nothing but Host and Content-Length") {
  CHECK(header_names(sent(with(Method::post, "x"))) == std::vector<std::string>{"Host", "Content-Length"});
  CHECK(header_names(sent(with(Method::get))) == std::vector<std::string>{"Host"});
}

TEST_CASE("headers arrive as given, in their order, also twice and empty") {
  const Headers headers{
      {"X-One", "1"},  {"Content-Type", "text/plain"}, {"X-Two", "a, b: c;"},        {"X-One", "2"},
      {"X-Empty", ""}, {"Accept", "application/json"}, {"User-Agent", "Punctual/1"}, {"Accept-Encoding", "gzip"}};
  const auto request = sent(with(Method::post, "x", headers));
  Headers arrived;
  for (const auto& header : request.headers) {
    if (header.first != "Host" && header.first != "Content-Length") arrived.push_back(header);
  }
  CHECK(arrived == headers);
}

TEST_CASE("headers that frame the message cannot be given") {
  const auto request = sent(
      with(Method::post, "payload", {{"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}, {"Host", "other"}}));
  CHECK(request.body == "payload");
  CHECK(request.header("content-length") == "7");
  CHECK(request.header("host")->starts_with("127.0.0.1:"));
}

TEST_CASE("a header that would break the message is not sent") {
  TransportUnderTest under_test;
  HttpTarget target;
  const auto header =
      GENERATE(std::pair<std::string, std::string>("X", "a\r\nInjected: 1"),
               std::pair<std::string, std::string>("X: y\r\nZ", "1"), std::pair<std::string, std::string>("", "1"),
               std::pair<std::string, std::string>("X", std::string("a\0b", 3)));
  auto delivery = delivery_to(target.url());
  delivery.headers = {header};
  const auto outcome = under_test.send(std::move(delivery));
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "invalid header");
  CHECK(target.request_count() == 0);
}

TEST_CASE("a body arrives byte for byte") {
  std::string body;
  for (int i = 0; i < 262144; ++i) body.push_back(static_cast<char>(i * 7));
  CHECK(sent(with(Method::post, body)).body == body);
}

TEST_CASE("user and password of the URL are sent as basic authentication") {
  HttpTarget target;
  TransportUnderTest under_test;
  (void)under_test.send("http://user:pass@127.0.0.1:" + std::to_string(target.port()) + "/");
  CHECK(target.requests().front().header("authorization") == "Basic dXNlcjpwYXNz");
}

TEST_CASE("path and query arrive as written, the fragment does not") {
  HttpTarget target;
  TransportUnderTest under_test;
  (void)under_test.send(target.url("/a%2Fb;c/?q=%20x&y=1#part"));
  const auto request = target.requests().front();
  CHECK(request.path == "/a%2Fb;c/");
  CHECK(request.query == "q=%20x&y=1");
}

TEST_CASE("a proxy in the environment is not used") {
  ::setenv("http_proxy", "http://127.0.0.1:1/", 1);
  CHECK(sent(with(Method::get)).path == "/in");
  ::unsetenv("http_proxy");
}

TEST_CASE("one connection serves many deliveries to a host one after another") {
  HttpTarget target;
  TransportUnderTest under_test({{"delivery.threads", 1}});
  for (int i = 0; i < 20; ++i) REQUIRE(under_test.send(target.url()).result == DeliveryResult::responded);
  CHECK(target.connection_count() == 1);
  CHECK(under_test.host.counts.get("punctual_http_delivery_connections_total{opened}") == 1);
  CHECK(under_test.host.counts.get("punctual_http_delivery_connections_total{reused}") == 19);
}
