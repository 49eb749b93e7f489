// The API of a server as it is run: what depends on its configuration, its transport and its clients together. The contract
// itself is tested in tests/api.
#include <catch2/catch.hpp>

#include "deployment.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE_METHOD(Deployment, "private addresses are refused at creation unless they are allowed") {
  (void)server().stop();
  start({"--set", "delivery.allow_private_networks=false"});
  for (const auto* url : {"http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/latest",
                          "http://2130706433/", "http://0x7f.1/"}) {
    const auto reply = client().post("/api/v1/tasks", boost::json::serialize(boost::json::object{{"url", url}}));
    CHECK(reply.status == 422);
    CHECK(reply.detail("url") == "cannot target private or internal addresses");
  }
}

TEST_CASE_METHOD(Deployment, "a client that sends garbage does not disturb one that does not") {
  const HttpClient good = client();
  auto connection = good.connect();
  for (int i = 0; i < 50; ++i) {
    HttpConnection bad(good.address());
    bad.send("\x16\x03\x01garbage \r\n\r\n\r\n");
    CHECK(bad.read().status == 400);
    CHECK(connection.request("GET", "/api/v1/tasks", good.authorization()).status == 200);
  }
}

TEST_CASE_METHOD(Deployment, "health, readiness and metrics answer without a key") {
  const HttpClient anybody(client().address());
  CHECK(anybody.get("/health").body == R"({"status":"ok","database":"connected"})");
  CHECK(anybody.get("/ready").body == R"({"status":"ok","database":"connected"})");
  (void)create({{"url", target().url()}});
  REQUIRE(target().wait_for(1));
  CHECK(eventually([&] {
    return anybody.get("/metrics").body.find("punctual_executions_total{status=\"success\"} 1") != std::string::npos;
  }));
  for (const auto* name : {"punctual_intake_batch_size", "punctual_claim_batch_size", "punctual_lateness_seconds",
                           "punctual_settle_batch_size", "punctual_retries_total", "punctual_due_wheel_size",
                           "punctual_in_flight", "punctual_settle_queue_size"}) {
    CHECK(anybody.get("/metrics").body.find(name) != std::string::npos);
  }
}
