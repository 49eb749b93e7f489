#include "delivery/http_date.hpp"

#include "support/precompiled.hpp"

namespace punctual {
namespace {

const Time now = *parse_rfc3339("2026-01-31T08:30:00Z");

std::string read(std::string_view text) {
  const auto time = parse_http_date(text, now);
  return time ? format_rfc3339(*time) : "none";
}

}  // namespace

TEST_CASE("an HTTP date is read in its three formats") {
  CHECK(read("Sun, 06 Nov 1994 08:49:37 GMT") == "1994-11-06T08:49:37.000Z");
  CHECK(read("Sunday, 06-Nov-94 08:49:37 GMT") == "1994-11-06T08:49:37.000Z");
  CHECK(read("Sun Nov  6 08:49:37 1994") == "1994-11-06T08:49:37.000Z");
  CHECK(read("Wed Nov 16 08:49:37 1994") == "1994-11-16T08:49:37.000Z");
  CHECK(read("Sat, 29 Feb 2020 23:59:59 GMT") == "2020-02-29T23:59:59.000Z");
  CHECK(read("Sat, 31 Dec 2016 23:59:60 GMT") == "2017-01-01T00:00:00.000Z");
}

TEST_CASE("a two-digit year lies at most 50 years ahead") {
  CHECK(read("Saturday, 31-Jan-26 09:00:00 GMT") == "2026-01-31T09:00:00.000Z");
  CHECK(read("Friday, 31-Jan-76 09:00:00 GMT") == "2076-01-31T09:00:00.000Z");
  CHECK(read("Monday, 31-Jan-77 09:00:00 GMT") == "1977-01-31T09:00:00.000Z");
  CHECK(read("Friday, 31-Dec-99 09:00:00 GMT") == "1999-12-31T09:00:00.000Z");
}

TEST_CASE("what is no HTTP date is not read") {
  for (const char* text : {"",
                           "Sun",
                           "Sun,",
                           "Sun, ",
                           "06 Nov 1994 08:49:37 GMT",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 94 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           " Sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT",
                           "Xyz, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:00 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 06 Nov 1994 8:49:37 GMT",
                           "Sun, 06-Nov-94 08:49:37 GMT",
                           "Sunday, 06 Nov 1994 08:49:37 GMT",
                           "Sunday, 06-Nov-1994 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 1994 GMT",
                           "Sun Nov  6 08:49:37 94",
                           "2026-01-31T08:30:00Z",
                           "Sun, -6 Nov 1994 08:49:37 GMT"}) {
    INFO(text);
    CHECK_FALSE(parse_http_date(text, now));
  }
}

}  // namespace punctual
