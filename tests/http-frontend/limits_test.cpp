#include <catch2/catch.hpp>

#include "support/running_frontend.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("a key's requests beyond its limit are 429 with the limit's headers") {
  RunningFrontend server({{"limits.requests_per_minute", "3"}});
  for (int i = 0; i < 3; ++i) CHECK(server.client().get("/api/v1/tasks").status == 200);
  const auto reply = server.client().get("/api/v1/tasks");
  CHECK(reply.status == 429);
  CHECK(reply.error_code() == "rate_limited");
  CHECK(reply.header("RateLimit-Limit") == "3");
  CHECK(reply.header("RateLimit-Remaining") == "0");
  CHECK(reply.header("RateLimit-Reset") == "20");
  CHECK(reply.header("Retry-After") == "20");
  CHECK(server.client(other_key).get("/api/v1/tasks").status == 200);
  CHECK(server.host.metrics().count("punctual_http_requests_limited_total{limit=key}") == 1);
}

TEST_CASE("an address beyond its limit is 429 whatever it asks for, but not for probes") {
  RunningFrontend server({{"limits.requests_per_minute", "1000"}, {"limits.address_requests_per_minute", "2"}});
  CHECK(server.client().get("/nowhere").status == 404);
  CHECK(server.client().get("/api/v1/openapi").status == 200);
  CHECK(server.client().get("/api/v1/tasks").status == 429);
  CHECK(server.client().get("/nowhere").status == 429);
  CHECK(server.client().get("/health").status == 200);
  CHECK(server.client().get("/ready").status == 200);
}

TEST_CASE("an address with too many failed sign-ins is 429, but keys that worked before still do") {
  RunningFrontend server({{"limits.requests_per_minute", "1000"}, {"limits.failed_sign_ins_per_minute", "2"}});
  CHECK(server.client().get("/api/v1/tasks").status == 200);
  CHECK(server.client("wrong").get("/api/v1/tasks").status == 401);
  CHECK(server.client("wrong").get("/api/v1/tasks").status == 401);
  const auto asked = server.engine.authentications.load();
  CHECK(server.client("wrong").get("/api/v1/tasks").status == 429);
  CHECK(server.client("").get("/api/v1/tasks").status == 429);
  CHECK(server.engine.authentications == asked);
  CHECK(server.client().get("/api/v1/tasks").status == 200);
}

TEST_CASE("limits of 0 turn every limiter off") {
  RunningFrontend server({{"limits.requests_per_minute", "0"},
                          {"limits.address_requests_per_minute", "1"},
                          {"limits.failed_sign_ins_per_minute", "1"}});
  for (int i = 0; i < 5; ++i) {
    CHECK(server.client().get("/api/v1/tasks").status == 200);
    CHECK(server.client("wrong").get("/api/v1/tasks").status == 401);
  }
}

TEST_CASE("a forwarded address counts only from a trusted proxy") {
  const auto trusted = GENERATE(true, false);
  RunningFrontend server({{"limits.requests_per_minute", "1000"},
                          {"limits.address_requests_per_minute", "1"},
                          {"http.trusted_proxies", trusted ? "127.0.0.0/8,10.1.0.0/16" : "10.0.0.0/8"}});
  const auto status = [&](const std::string& forwarded) {
    return server.client().get("/api/v1/tasks", {{"X-Forwarded-For", forwarded}}).status;
  };
  CHECK(status("203.0.113.1") == 200);
  CHECK(status("203.0.113.1, 10.1.2.3") == 429);
  CHECK(status("203.0.113.2") == (trusted ? 200 : 429));
  CHECK(status("2001:db8::1") == (trusted ? 200 : 429));
  CHECK(status("[2001:db8::ffff]:443") == 429);
}

TEST_CASE("settings that make no sense are refused") {
  FakeHost host;
  const auto fails = [&](const std::string& name, const std::string& value) {
    CHECK_THROWS_AS(HttpFrontend(settings_with({{name, value}}), host), Error);
  };
  fails("http.listen", "nowhere");
  fails("http.listen", "127.0.0.1:99999");
  fails("http.trusted_proxies", "10.0.0.0/33");
  fails("http.trusted_proxies", "proxy.example.com");
  fails("http.max_threads", "0");
  fails("http.idle_timeout", "0s");
  fails("limits.requests_per_minute", "-1");
}

TEST_CASE("a taken address is told in the error") {
  RunningFrontend first;
  FakeHost host;
  HttpFrontend second(settings_with({{"http.listen", first.frontend.listening_at()}}), host);
  CHECK_THROWS_WITH(second.start(first.engine), Catch::Contains("cannot listen on " + first.frontend.listening_at()));
}

TEST_CASE("an IPv6 address can be listened at") {
  RunningFrontend server({{"http.listen", "[::1]:0"}});
  CHECK(server.frontend.listening_at().starts_with("[::1]:"));
  CHECK(server.client().get("/health").status == 200);
}
