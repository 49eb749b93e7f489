#include "notifier-email/address.hpp"

#include <catch2/catch.hpp>

using namespace punctual::email;

TEST_CASE("an address stands alone or after a name") {
  CHECK(parse_address(" ops@example.com ")->address == "ops@example.com");
  CHECK(parse_address("Ops Team <ops+alerts@mail.example.com>")->address == "ops+alerts@mail.example.com");
  CHECK(parse_address("Ops Team <ops@example.com>")->name == "Ops Team");
  CHECK(parse_address("\"Ops, Team\" <ops@example.com>")->name == "Ops, Team");
  CHECK(parse_address("<ops@localhost>")->domain() == "localhost");
}

TEST_CASE("what is no address is none") {
  for (const char* text :
       {"", "ops", "ops@", "@example.com", "ops@example..com", "a b@example.com", "ops@exa mple.com",
        "ops@example.com>", "<ops@example.com", "Ops <ops@example.com> x", "ops@example.com\r\nRCPT TO:<x@y>",
        "\"a b\"@example.com", "ops@b\xc3\xbc.example", "a@b@c", "ops@example.com,x@example.com"}) {
    INFO(text);
    CHECK(!parse_address(text));
  }
}

TEST_CASE("a name is quoted or encoded") {
  CHECK(header_text({"", "ops@example.com"}) == "ops@example.com");
  CHECK(header_text({"Ops \"on\" call, Inc.", "ops@example.com"}) == "\"Ops \\\"on\\\" call, Inc.\" <ops@example.com>");
  CHECK(header_text({"Caf\xc3\xa9", "ops@example.com"}) == "=?UTF-8?B?Q2Fmw6k=?= <ops@example.com>");
}
