#include "notifier-webhook/header_list.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

using namespace punctual::webhook;

TEST_CASE("headers are separated by commas") {
  CHECK(parse_header_list("X-Team: ops , X-Empty:") == HeaderList{{"X-Team", "ops"}, {"X-Empty", ""}});
  CHECK(parse_header_list("  ").empty());
}

TEST_CASE("a header that cannot be sent is refused without its value") {
  for (const char* list :
       {"secret", "X-A: 1,secret", ": secret", "X A: secret", "X-A: secret\xc3\xa9", "X-A: secret\x01",
        "X-A: secret\r\nX-B: 1", "Host: secret", "content-length: secret", "Webhook-Id: secret"}) {
    INFO(list);
    try {
      (void)parse_header_list(list);
      FAIL("was taken");
    } catch (const std::invalid_argument& refused) {
      CHECK(std::string(refused.what()).find("webhook.headers") == 0);
      CHECK(std::string(refused.what()).find("secret") == std::string::npos);
    }
  }
}

TEST_CASE("a header replaces those of the same name") {
  HeaderList headers{{"content-type", "text/plain"}, {"X-A", "1"}};
  set_header(headers, "Content-Type", "application/json");
  CHECK(headers == HeaderList{{"X-A", "1"}, {"Content-Type", "application/json"}});
}
