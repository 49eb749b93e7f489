#include "notifier-webhook/webhook_format.hpp"

#include <catch2/catch.hpp>

using namespace punctual::webhook;

namespace {

Format format_of_text(const std::string& url) {
  const auto parsed = parse_url(url);
  REQUIRE(parsed);
  return format_of_url(*parsed);
}

}  // namespace

TEST_CASE("the URL tells which service it is") {
  CHECK(format_of_text("https://hooks.slack.com/services/T0/B0/x") == Format::slack);
  CHECK(format_of_text("https://discord.com/api/webhooks/1/x") == Format::discord);
  CHECK(format_of_text("https://canary.discord.com/api/v10/webhooks/1/x") == Format::discord);
  CHECK(format_of_text("https://discordapp.com/api/webhooks/1/x") == Format::discord);
  CHECK(format_of_text("https://acme.webhook.office.com/webhookb2/x") == Format::teams);
  CHECK(format_of_text("https://prod-1.westeurope.logic.azure.com:443/workflows/x?sig=y") == Format::teams);
  CHECK(format_of_text("https://default1.a7.environment.api.powerplatform.com:443/powerautomate/x") == Format::teams);
  CHECK(format_of_text("https://ntfy.sh/topic") == Format::ntfy);
  CHECK(format_of_text("HTTPS://NTFY.SH/topic") == Format::ntfy);
}

TEST_CASE("any other URL gets JSON") {
  for (const char* url : {"https://example.com/hooks.slack.com", "https://evil-discord.com/api/webhooks/1/x",
                          "https://hooks.slack.com.example.com/", "https://discord.com/channels/1",
                          "https://hooks.slack.com@example.com/", "http://[::1]:8080/ntfy.sh"}) {
    INFO(url);
    CHECK(format_of_text(url) == Format::json);
  }
}

TEST_CASE("a host is read without user and port") {
  CHECK(parse_url("https://user:pass@Example.com:8443/a?b#c")->host == "example.com");
  CHECK(parse_url("https://user:pass@Example.com:8443/a?b#c")->path == "/a");
  CHECK(parse_url("http://[::1]:80")->host == "[::1]");
  CHECK(parse_url("http://a.example?x/y")->path.empty());
}

TEST_CASE("what is no http URL is none") {
  for (const std::string url :
       {"", "example.com", "ftp://example.com", "https://", "https:///x", "https://:443/", "https://a.example:99999/",
        "https://a.example:x/", "https://a example.com/", "https://a.example/\r\nX: y", "https://b\xc3\xbc.example/"}) {
    INFO(url);
    CHECK(!parse_url(url));
  }
  CHECK(!parse_url("https://a.example/" + std::string(2048, 'x')));
}
