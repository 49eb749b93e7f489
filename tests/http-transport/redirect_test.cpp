#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

TargetAnswer redirect_to(std::string location, int status = 302) {
  return {.status = status, .body = "moved", .headers = {{"Location", std::move(location)}}};
}

Overrides follow(int count) { return {{"delivery.follow_redirects", count}}; }

Delivery post_to(std::string url) {
  auto out = delivery_to(std::move(url));
  out.headers = {{"Content-Type", "text/plain"},     {"User-Agent", "Punctual"},
                 {"Authorization", "Bearer secret"}, {"X-Own", "own"},
                 {"webhook-signature", "v1"},        {"Punctual-Task-Id", "t"}};
  out.body = "payload";
  return out;
}

}  // namespace

TEST_CASE("a redirect is the answer unless following is switched on") {
  HttpTarget target;
  target.answer("/", redirect_to("/next"));
  TransportUnderTest under_test;
  const auto outcome = under_test.send(target.url());
  CHECK(outcome.result == DeliveryResult::responded);
  CHECK(outcome.status_code == 302);
  CHECK(target.request_count() == 1);
}

TEST_CASE("a redirect is followed and only the last response is reported") {
  HttpTarget target;
  target.answer("/", redirect_to("next?x=1"));
  target.answer("/next", {.body = "arrived", .headers = {{"X-Last", "yes"}}});
  TransportUnderTest under_test(follow(1));
  const auto outcome = under_test.send(target.url());
  CHECK(outcome.status_code == 200);
  CHECK(outcome.body == "arrived");
  CHECK(outcome.headers == Headers{{"X-Last", "yes"}, {"Content-Length", "7"}});
  CHECK(target.requests("/next").at(0).query == "x=1");
}

TEST_CASE("redirects are followed as often as allowed") {
  HttpTarget target;
  target.answer("/", redirect_to("/"));
  TransportUnderTest under_test(follow(3));
  CHECK(under_test.send(target.url()).status_code == 302);
  CHECK(target.request_count() == 4);
}

TEST_CASE("301, 302 and 303 turn a POST into a GET without body") {
  const int status = GENERATE(301, 302, 303);
  HttpTarget target;
  target.answer("/", redirect_to("/next", status));
  TransportUnderTest under_test(follow(1));
  auto delivery = post_to(target.url());
  delivery.headers.emplace_back("webhook-signature", "v1,of-the-body");
  (void)under_test.send(std::move(delivery));
  const auto next = target.requests("/next").at(0);
  CHECK(next.method == "GET");
  CHECK(next.body.empty());
  CHECK_FALSE(next.header("content-type"));
  CHECK_FALSE(next.header("webhook-signature"));  // it would be of another body
  CHECK(next.header("x-own") == "own");
}

TEST_CASE("307 and 308 keep method and body") {
  const int status = GENERATE(307, 308);
  HttpTarget target;
  target.answer("/", redirect_to("/next", status));
  TransportUnderTest under_test(follow(1));
  (void)under_test.send(post_to(target.url()));
  const auto next = target.requests("/next").at(0);
  CHECK(next.method == "POST");
  CHECK(next.body == "payload");
}

TEST_CASE("other methods are kept on 301 and 302, and HEAD on 303") {
  HttpTarget target;
  target.answer("/", redirect_to("/next", 302));
  target.answer("/other", redirect_to("/next", 303));
  TransportUnderTest under_test(follow(1));
  auto put = post_to(target.url());
  put.method = Method::put;
  (void)under_test.send(std::move(put));
  auto head = delivery_to(target.url("/other"));
  head.method = Method::head;
  (void)under_test.send(std::move(head));
  const auto next = target.requests("/next");
  CHECK(next.at(0).method == "PUT");
  CHECK(next.at(0).body == "payload");
  CHECK(next.at(1).method == "HEAD");
}

TEST_CASE("another origin gets none of the task's headers and signatures") {
  HttpTarget first;
  HttpTarget second;
  first.answer("/", redirect_to(second.url("/next"), 307));
  TransportUnderTest under_test(follow(1));
  (void)under_test.send(post_to(first.url()));
  const auto next = second.requests("/next").at(0);
  CHECK(next.body == "payload");
  CHECK(next.header("content-type") == "text/plain");
  CHECK(next.header("user-agent") == "Punctual");
  for (const char* name : {"authorization", "x-own", "webhook-signature", "punctual-task-id"}) {
    INFO(name);
    CHECK_FALSE(next.header(name));
  }
}

TEST_CASE("another origin does not get the password of the URL") {
  HttpTarget first;
  HttpTarget second;
  first.answer("/", redirect_to(second.url("/next")));
  TransportUnderTest under_test(follow(1));
  (void)under_test.send("http://user:pass@127.0.0.1:" + std::to_string(first.port()) + "/");
  CHECK(first.requests().at(0).header("authorization"));
  CHECK_FALSE(second.requests().at(0).header("authorization"));
}

TEST_CASE("a redirect to an address that must not be reached is blocked") {
  HttpTarget target;
  target.answer("/", redirect_to("http://169.254.169.254/latest/meta-data"));
  TransportUnderTest under_test({{"delivery.follow_redirects", 3},
                                 {"delivery.allow_private_networks", false},
                                 {"delivery.allow_cidrs", boost::json::array{"127.0.0.1"}}});
  const auto outcome = under_test.send(target.url());
  CHECK(outcome.result == DeliveryResult::blocked);
  CHECK(outcome.error == "169.254.169.254");
  CHECK(outcome.sent_at);
}

TEST_CASE("a redirect to another scheme is not followed") {
  HttpTarget target;
  target.answer("/", redirect_to("file:///etc/passwd"));
  TransportUnderTest under_test(follow(3));
  const auto outcome = under_test.send(target.url());
  CHECK(outcome.result == DeliveryResult::transport_error);
  CHECK(outcome.error == "redirected to an invalid URL");
}

TEST_CASE("all hops together have one timeout") {
  HttpTarget target;
  auto slow = redirect_to("/");
  slow.delay = milliseconds{80};
  target.answer("/", slow);
  TransportUnderTest under_test(follow(50));
  auto delivery = delivery_to(target.url());
  delivery.timeout = milliseconds{300};
  const auto outcome = under_test.send(std::move(delivery));
  CHECK(outcome.result == DeliveryResult::timed_out);
  CHECK(outcome.duration < seconds{2});
}
