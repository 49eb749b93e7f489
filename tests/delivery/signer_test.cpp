#include "delivery/signer.hpp"

#include <algorithm>

#include "delivery/base64.hpp"
#include "punctual/version.h"
#include "support/precompiled.hpp"

namespace punctual {
namespace {

// The example of the Standard Webhooks specification.
const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string other_secret = "whsec_YW5vdGhlci1rZXktb2YtMjQtYnl0ZXMh";
const std::string body = R"({"test": 2432232314})";
const Time now{seconds{1614265330}};

template <class AnyId>
AnyId id(const char* text) {
  return *AnyId::parse(text);
}

Claimed claimed() {
  Claimed out;
  out.id = id<ExecutionId>("018f0000-0000-7000-8000-000000000003");
  out.run_id = id<ExecutionId>("018f0000-0000-7000-8000-000000000002");
  out.task_id = id<TaskId>("018f0000-0000-7000-8000-000000000001");
  out.attempt = 3;
  out.scheduled_for = *parse_rfc3339("2021-02-25T15:02:10.125Z");
  out.body = body;
  out.signing_secrets = {secret};
  return out;
}

// All values sent under a name written exactly so.
std::vector<std::string> values(const Headers& headers, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& [key, value] : headers) {
    if (key == name) out.push_back(value);
  }
  return out;
}

std::vector<std::string> values(const Claimed& attempt, std::string_view name, bool compat_headers = true) {
  return values(delivery_headers(attempt, now, compat_headers), name);
}

using Values = std::vector<std::string>;

}  // namespace

TEST_CASE("the example of Standard Webhooks gives the published signature") {
  const std::vector<std::string> secrets{secret};
  CHECK(webhook_signature(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body) ==
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

// The expected signatures below were made with `openssl dgst -sha256 -mac HMAC`.

TEST_CASE("an attempt is signed over run, time of sending and body") {
  const auto headers = delivery_headers(claimed(), now + milliseconds{999}, true);
  CHECK(values(headers, "webhook-id") == Values{"018f0000-0000-7000-8000-000000000002"});
  CHECK(values(headers, "webhook-timestamp") == Values{"1614265330"});
  CHECK(values(headers, "webhook-signature") == Values{"v1,puyW0VWixsJljrRur0zj1S1g99Rwzf3MfQyqauHFpKA="});
}

TEST_CASE("while two secrets are live there is one signature for each") {
  auto attempt = claimed();
  attempt.signing_secrets = {other_secret, secret};
  CHECK(values(attempt, "webhook-signature") ==
        Values{"v1,BR+AcV9qxEofs6lh/uWG/Q7fK2JWUpS69NN+hqgAslI= v1,puyW0VWixsJljrRur0zj1S1g99Rwzf3MfQyqauHFpKA="});
}

TEST_CASE("the old secret signs nothing from the instant on at which its time is over") {
  auto attempt = claimed();
  attempt.signing_secrets = {secret, other_secret};
  attempt.old_secret_until = now + milliseconds{1};
  CHECK(values(attempt, "webhook-signature").at(0).find(' ') != std::string::npos);
  attempt.old_secret_until = now;
  CHECK(values(attempt, "webhook-signature") == Values{"v1,puyW0VWixsJljrRur0zj1S1g99Rwzf3MfQyqauHFpKA="});
  attempt.signing_secrets = {};
  CHECK(values(attempt, "webhook-signature").empty());
}

TEST_CASE("a method without a body is signed over none") {
  for (const Method method : {Method::get, Method::head, Method::options}) {
    auto attempt = claimed();
    attempt.method = method;
    INFO(name_of(method));
    CHECK(values(attempt, "webhook-signature") == Values{"v1,2+hOlTSsDd6Cv+l5FNMndfA4TS6f+nIYD6c65COoUXA="});
    CHECK(values(attempt, "X-Runlater-Signature") ==
          Values{"sha256=da5f5865984e699a69cfec62ce49a76daf8ae4601b54a781fa13f3b2d3b2088a"});
    CHECK(values(attempt, "Content-Type").empty());
  }
}

TEST_CASE("a secret that cannot be a key signs nothing") {
  auto attempt = claimed();
  attempt.signing_secrets = {"whsec_not base64", secret, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"};
  CHECK(values(attempt, "webhook-signature") == Values{"v1,puyW0VWixsJljrRur0zj1S1g99Rwzf3MfQyqauHFpKA="});
  attempt.signing_secrets = {};
  CHECK(values(attempt, "webhook-signature").empty());
  CHECK(values(attempt, "X-Runlater-Signature").empty());
}

TEST_CASE("the attempt is named in the headers") {
  const auto headers = delivery_headers(claimed(), now, false);
  CHECK(values(headers, "User-Agent") == Values{"Punctual/" PUNCTUAL_VERSION});
  CHECK(values(headers, "Punctual-Task-Id") == Values{"018f0000-0000-7000-8000-000000000001"});
  CHECK(values(headers, "Punctual-Execution-Id") == Values{"018f0000-0000-7000-8000-000000000003"});
  CHECK(values(headers, "Punctual-Attempt") == Values{"3"});
  CHECK(values(headers, "Punctual-Scheduled-For") == Values{"2021-02-25T15:02:10.125Z"});
  CHECK(values(headers, "Accept-Encoding").empty());
}

TEST_CASE("compatible headers are sent when they are switched on") {
  auto attempt = claimed();
  attempt.signing_secrets = {secret, other_secret};
  CHECK(values(attempt, "X-Runlater-Task-Id") == Values{"018f0000-0000-7000-8000-000000000001"});
  CHECK(values(attempt, "X-Runlater-Execution-Id") == Values{"018f0000-0000-7000-8000-000000000003"});
  CHECK(values(attempt, "X-Runlater-Signature") ==
        Values{"sha256=80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c"});
}

TEST_CASE("compatible headers are not sent when they are switched off") {
  for (const auto& [name, value] : delivery_headers(claimed(), now, false)) CHECK(name.substr(0, 2) != "X-");
}

TEST_CASE("the task's own headers are sent, in their order") {
  auto attempt = claimed();
  attempt.headers = {{"X-One", "1"}, {"x-two", "2"}, {"X-One", "3"}};
  const auto headers = delivery_headers(attempt, now, true);
  REQUIRE(headers.size() > 3);
  CHECK(Headers(headers.begin(), headers.begin() + 3) == attempt.headers);
}

TEST_CASE("our headers replace those of the task with the same name in any case") {
  auto attempt = claimed();
  attempt.headers = {
      {"user-agent", "mine"}, {"WEBHOOK-ID", "mine"}, {"punctual-attempt", "9"}, {"X-runlater-task-ID", "x"}};
  for (const auto& [name, value] : delivery_headers(attempt, now, true)) {
    INFO(name);
    CHECK(std::find(attempt.headers.begin(), attempt.headers.end(), std::pair{name, value}) == attempt.headers.end());
  }
}

TEST_CASE("a body without a content type gets one by what it is") {
  struct Row {
    std::string body;
    Values type;
  };
  const std::string deep(200, '[');
  const std::vector<Row> rows{
      {R"({"a":[1,2.5,null,true,"x"]})", {"application/json"}},
      {" [] \n", {"application/json"}},
      {"12", {"application/json"}},
      {"\"text\"", {"application/json"}},
      {deep + std::string(200, ']'), {"application/json"}},
      {"hello", {"text/plain"}},
      {"{\"a\":1", {"text/plain"}},
      {"{} {}", {"text/plain"}},
      {"a=1&b=2", {"text/plain"}},
      {" ", {"text/plain"}},
      {"\"\xff\"", {"text/plain"}},
      {std::string(262144, '['), {"text/plain"}},
      {"", {}},
  };
  for (const auto& row : rows) {
    auto attempt = claimed();
    attempt.body = row.body;
    INFO(row.body.substr(0, 40));
    CHECK(values(attempt, "Content-Type") == row.type);
  }
}

TEST_CASE("a content type of the task is left as it is") {
  auto attempt = claimed();
  attempt.headers = {{"content-type", "application/vnd.example+json"}};
  const auto headers = delivery_headers(attempt, now, true);
  CHECK(values(headers, "content-type") == Values{"application/vnd.example+json"});
  CHECK(values(headers, "Content-Type").empty());
}

TEST_CASE("a new secret holds 32 random bytes") {
  const auto made = make_signing_secret();
  REQUIRE(made.substr(0, 6) == "whsec_");
  const auto key = decode_base64(std::string_view(made).substr(6));
  REQUIRE(key);
  CHECK(key->size() == 32);
  CHECK(make_signing_secret() != made);
}

}  // namespace punctual
