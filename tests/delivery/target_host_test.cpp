#include "delivery/target_host.hpp"

#include "support/precompiled.hpp"

using punctual::target_host;

TEST_CASE("a host has its port, also where the URL does not name it") {
  CHECK(target_host("http://example.com/a?b#c") == "example.com:80");
  CHECK(target_host("https://example.com") == "example.com:443");
  CHECK(target_host("https://example.com:8443/") == "example.com:8443");
  CHECK(target_host("https://example.com:/") == "example.com:443");
  CHECK(target_host("http://example.com:0080") == "example.com:80");
}

TEST_CASE("one host is written one way") {
  for (const char* url : {"https://Example.COM/x", "HTTPS://example.com./x", "https://example.com:443?x",
                          "https://user:secret@example.com#x", "https://a@b@example.com\\x"}) {
    CHECK(target_host(url) == "example.com:443");
  }
}

TEST_CASE("the colons of an address are not its port") {
  CHECK(target_host("http://[2001:DB8::1]/") == "[2001:db8::1]:80");
  CHECK(target_host("http://[2001:db8::1]:8080/") == "[2001:db8::1]:8080");
  CHECK(target_host("http://127.0.0.1:9/") == "127.0.0.1:9");
}

TEST_CASE("what has no host has none") {
  for (const char* url : {"", "example.com", "https://", "https://:80/", "https:///x"}) CHECK_FALSE(target_host(url));
}
