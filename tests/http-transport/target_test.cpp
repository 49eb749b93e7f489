#include "transport/target.hpp"

using namespace punctual;

namespace {

enum class Verdict : std::uint8_t { fine, malformed, refused };

Verdict check(const std::string& url, const AddressRules& rules = AddressRules()) {
  const auto target = Target::parse(url);
  if (!target) return Verdict::malformed;
  return judge(*target, rules) ? Verdict::refused : Verdict::fine;
}

std::string redirected(const char* from, const char* location) {
  const auto next = Target::parse(from)->redirected(location);
  if (!next) return "none";
  char* text = nullptr;
  REQUIRE(curl_url_get(next->handle(), CURLUPART_URL, &text, 0) == CURLUE_OK);
  std::string out(text);
  curl_free(text);
  return out;
}

}  // namespace

TEST_CASE("http and https URLs with a host can be sent to") {
  const char* url =
      GENERATE("http://example.com", "https://example.com/", "HTTP://Example.COM/a?b=c#d", "https://example.com:8443/x",
               "http://user:pass@example.com/", "http://1.1.1.1/", "http://[2606:4700::1111]:80/",
               "http://example.com./", "http://a_b.example.com/", "http://example.com/%20", "http://example.com?q",
               "http://xn--bcher-kva.example/", "http://localhost.example.com/");
  INFO(url);
  CHECK(check(url) == Verdict::fine);
}

TEST_CASE("what is no http or https URL is malformed") {
  const char* url =
      GENERATE("", "example.com", "//example.com", "http:", "http://", "http:///example.com", "http:/example.com",
               "https:///x", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)",
               "http://:80/", "http://example.com:0/", "http://example.com:65536/", "http://example.com:x/",
               "http://exa mple.com/", "http://example.com/a b", "http://example.com/\r\nX: y", "http://example.com/\t",
               "http://example.com/\x7f", " http://example.com", "http://[::1", "http://[zz]/", "http://a\\b/",
               "http://?x", "http://./", "http://example.com\x01/", "http://bücher.example/",
               "http://b%C3%BCcher.example/", "http://１２７.０.０.１/", "http://127。0。0。1/");
  INFO(url);
  CHECK(check(url) == Verdict::malformed);
}

TEST_CASE("a URL may have 2048 bytes and not one more") {
  const std::string start = "http://example.com/";
  CHECK(check(start + std::string(2048 - start.size(), 'a')) == Verdict::fine);
  CHECK(check(start + std::string(2049 - start.size(), 'a')) == Verdict::malformed);
}

TEST_CASE("a NUL in a URL is malformed") {
  CHECK(check(std::string("http://example.com\0.evil/", 25)) == Verdict::malformed);
}

TEST_CASE("literal private addresses are refused in every form") {
  const char* url =
      GENERATE("http://127.0.0.1/", "http://127.1/", "http://0x7f.1/", "http://0x7f000001/", "http://2130706433/",
               "http://017700000001/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://0/",
               "http://10.0.0.1:8080/x", "http://192.168.1.1/", "http://169.254.169.254/", "http://[::1]/",
               "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1%25eth0]/", "http://[fd00:ec2::254]/",
               "http://[64:ff9b::7f00:1]/", "http://user@127.0.0.1/", "http://%31%32%37.0.0.1/");
  INFO(url);
  CHECK(check(url) == Verdict::refused);
}

TEST_CASE("names of private hosts are refused") {
  const char* url = GENERATE("http://localhost/", "http://LOCALHOST:9/", "http://localhost./", "http://a.localhost/",
                             "http://printer.local/", "http://db.internal/", "http://metadata.google.internal/",
                             "http://metadata/", "http://router.home.arpa/", "http://localhost.localdomain/");
  INFO(url);
  CHECK(check(url) == Verdict::refused);
}

TEST_CASE("allowing private networks lifts the rules for addresses and names") {
  const AddressRules rules(true);
  CHECK(check("http://127.0.0.1/", rules) == Verdict::fine);
  CHECK(check("http://localhost/", rules) == Verdict::fine);
  CHECK(check("ftp://localhost/", rules) == Verdict::malformed);
}

TEST_CASE("with an allowed range, names are left to what they resolve to") {
  const std::vector<std::string> allowed{"10.0.0.0/8"};
  const AddressRules rules(false, allowed);
  CHECK(check("http://10.1.1.1/", rules) == Verdict::fine);
  CHECK(check("http://db.internal/", rules) == Verdict::fine);
  CHECK(check("http://192.168.0.1/", rules) == Verdict::refused);
}

TEST_CASE("names of this machine are left to what they resolve to where a range has a loopback address in it") {
  const char* url = GENERATE("http://localhost/", "http://a.localhost/", "http://ip6-localhost/",
                             "http://ip6-loopback/", "http://localhost.localdomain/");
  INFO(url);
  for (const char* range : {"10.0.0.0/8", "126.0.0.0/8", "fd00::/8", "::2"}) {
    const std::vector<std::string> allowed{range};
    CHECK(check(url, AddressRules(false, allowed)) == Verdict::refused);
  }
  for (const char* range : {"127.0.0.0/8", "127.0.0.1", "127.3.0.0/16", "0.0.0.0/0", "::1", "::/0"}) {
    const std::vector<std::string> allowed{"10.0.0.0/8", range};
    CHECK(check(url, AddressRules(false, allowed)) == Verdict::fine);
  }
}

TEST_CASE("no allowed range opens the names of metadata services") {
  const char* url = GENERATE("http://metadata/", "http://metadata.google.internal/computeMetadata/v1/",
                             "http://METADATA.google.internal./", "http://metadata.goog/", "http://instance-data/",
                             "http://instance-data.ec2.internal/");
  INFO(url);
  const std::vector<std::string> allowed{"0.0.0.0/0", "::/0"};
  CHECK(check(url, AddressRules(false, allowed)) == Verdict::refused);
  CHECK(check(url, AddressRules(true)) == Verdict::fine);
}

TEST_CASE("hosts are compared without case, dots at the end and brackets") {
  CHECK(Target::parse("http://EXAMPLE.com.:80/")->host() == "example.com");
  CHECK(Target::parse("http://[::1]/")->host() == "::1");
  CHECK(Target::parse("http://example.com/")->same_origin(*Target::parse("HTTP://Example.com:80/x")));
  CHECK_FALSE(Target::parse("http://example.com/")->same_origin(*Target::parse("https://example.com/")));
  CHECK_FALSE(Target::parse("http://example.com/")->same_origin(*Target::parse("http://example.com:81/")));
}

TEST_CASE("a redirect is read relative to where it came from") {
  CHECK(redirected("http://a.example/x/y?z", "w") == "http://a.example/x/w");
  CHECK(redirected("http://a.example/x/y", "/w") == "http://a.example/w");
  CHECK(redirected("http://a.example/x", "//b.example/w") == "http://b.example/w");
  CHECK(redirected("http://a.example/x", "https://b.example/a b") == "https://b.example/a%20b");
  CHECK(redirected("http://user:pass@a.example/x", "http://b.example/") == "http://b.example/");
  CHECK(redirected("http://a.example/", "file:///etc/passwd") == "none");
  CHECK(redirected("http://a.example/", "ftp://b.example/") == "none");
}
