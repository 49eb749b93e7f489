#include "transport/address_rules.hpp"

#include "punctual/errors.hpp"

using namespace punctual;

namespace {

bool permitted(const char* text, const AddressRules& rules = AddressRules()) {
  const auto address = Address::parse(text);
  REQUIRE(address);
  return rules.permits(*address);
}

std::string parse_error(const char* range) {
  try {
    (void)AddressRange::parse(range);
  } catch (const Error& problem) {
    return problem.what();
  }
  return {};
}

}  // namespace

TEST_CASE("public addresses are permitted") {
  const char* address =
      GENERATE("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
               "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1",
               "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
               "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "fbff::1");
  INFO(address);
  CHECK(permitted(address));
}

TEST_CASE("addresses that are not on the public network are refused") {
  const char* address = GENERATE(
      "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255",
      "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255",
      "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.0", "198.19.255.255", "198.51.100.7",
      "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1",
      "fd00:ec2::254", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1");
  INFO(address);
  CHECK_FALSE(permitted(address));
}

TEST_CASE("an IPv6 form of a refused IPv4 address is refused") {
  const char* address = GENERATE("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
                                 "::192.168.1.1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe",
                                 "64:ff9b:1::8.8.8.8", "2002:7f00:1::1", "2002:c0a8:101::1", "2002:a9fe:a9fe::",
                                 // Teredo: server 192.168.0.1; client 127.0.0.1, inverted
                                 "2001:0:c0a8:1:0:0:f7f7:f7f7", "2001:0:808:808:0:0:80ff:fffe");
  INFO(address);
  CHECK_FALSE(permitted(address));
}

TEST_CASE("allowing private networks permits every address") {
  const char* address = GENERATE("127.0.0.1", "10.1.2.3", "::1", "fd00::1", "169.254.169.254");
  CHECK(permitted(address, AddressRules(true)));
}

TEST_CASE("an allowed range permits what it contains and nothing else") {
  const std::vector<std::string> allowed{"10.1.0.0/16", "fd00:1::/32", "127.0.0.1"};
  const AddressRules rules(false, allowed);
  CHECK(permitted("10.1.0.0", rules));
  CHECK(permitted("10.1.255.255", rules));
  CHECK(permitted("::ffff:10.1.2.3", rules));
  CHECK(permitted("fd00:1::9", rules));
  CHECK(permitted("127.0.0.1", rules));
  CHECK_FALSE(permitted("10.2.0.0", rules));
  CHECK_FALSE(permitted("127.0.0.2", rules));
  CHECK_FALSE(permitted("fd00:2::9", rules));
  CHECK_FALSE(permitted("::1", rules));
}

TEST_CASE("a range ends inside a byte") {
  const auto range = AddressRange::parse("172.16.0.0/12");
  CHECK(range.contains(*Address::parse("172.31.255.255")));
  CHECK_FALSE(range.contains(*Address::parse("172.32.0.0")));
}

TEST_CASE("a range of length zero holds its whole family") {
  CHECK(AddressRange::parse("0.0.0.0/0").contains(*Address::parse("203.0.113.1")));
  CHECK_FALSE(AddressRange::parse("0.0.0.0/0").contains(*Address::parse("::1")));
  CHECK(AddressRange::parse("::/0").contains(*Address::parse("fe80::1")));
}

TEST_CASE("what is not a range is named with what is wrong about it") {
  using Catch::Contains;
  CHECK_THAT(parse_error("10.0.0.0/33"), Contains("'10.0.0.0/33'") && Contains("0 to 32"));
  CHECK_THAT(parse_error("fd00::/129"), Contains("0 to 128"));
  CHECK_THAT(parse_error("10.0.0.1/8"), Contains("bits beyond the length are set"));
  CHECK_THAT(parse_error("10.0.0/8"), Contains("no IP address"));
  CHECK_THAT(parse_error("example.com"), Contains("no IP address"));
  CHECK_THAT(parse_error("10.0.0.0/"), Contains("0 to 32"));
  CHECK_THAT(parse_error("10.0.0.0/8x"), Contains("0 to 32"));
  CHECK_THAT(parse_error("10.0.0.0/-1"), Contains("0 to 32"));
  CHECK_THAT(parse_error(""), Contains("no IP address"));
}
