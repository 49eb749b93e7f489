#include "notifier-webhook/standard_webhooks.hpp"

#include <catch2/catch.hpp>

using namespace punctual::webhook;

TEST_CASE("a signature is that of Standard Webhooks") {
  const auto key = key_of_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  REQUIRE(key);
  // Made with: printf '%s' 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64
  CHECK(signature(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})") ==
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("a secret is whsec_ and base64") {
  CHECK(key_of_secret("whsec_AAEC") == std::string("\0\1\2", 3));
  CHECK(key_of_secret("whsec_AAE=") == std::string("\0\1", 2));
  for (const char* secret : {"", "AAEC", "whsec_", "whsec_A", "whsec_A A=", "whsec_AA-_"}) {
    INFO(secret);
    CHECK(!key_of_secret(secret));
  }
}
