#include "delivery/response_text.hpp"

#include "support/precompiled.hpp"

namespace punctual {
namespace {

struct Row {
  std::string body;
  std::string text;
};

// Texts at the edges of what UTF-8 allows.
const std::vector<std::string> texts{
    "",
    "plain",
    "line\r\n\ttab \x01 \x7f",
    "caf\xc3\xa9",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf4\x8f\xbf\xbf",
    "\xef\xbb\xbf with a byte order mark",
};

}  // namespace

TEST_CASE("text is kept as it is") {
  for (const auto& text : texts) CHECK(response_text(text, false) == text);
}

TEST_CASE("bytes that are not text are kept as base64") {
  const std::vector<Row> rows{
      {std::string("\0", 1), "AA=="},    // NUL
      {std::string("a\0b", 3), "YQBi"},  //
      {"\x80", "gA=="},                  // a continuation without a beginning
      {"\xff\xfe", "//4="},              //
      {"\xc0\x80", "wIA="},              // longer than need be
      {"\xc1\xbf", "wb8="},              //
      {"\xe0\x9f\xbf", "4J+/"},          //
      {"\xf0\x8f\xbf\xbf", "8I+/vw=="},  //
      {"\xed\xa0\x80", "7aCA"},          // a surrogate
      {"\xf4\x90\x80\x80", "9JCAgA=="},  // beyond U+10FFFF
      {"\xf5\x80\x80\x80", "9YCAgA=="},  //
      {"caf\xc3", "Y2Fmww=="},           // ends within a character
      {"\xe2\x82", "4oI="},              //
      {"\xc3\xc3\xa9", "w8Op"},          // a character interrupted by the next
      {"\xe2\x82z", "4oJ6"},             //
      {"\xf0\x9f\x98z", "8J+Yeg=="},     //
  };
  for (const auto& row : rows) CHECK(response_text(row.body, false) == row.text);
}

TEST_CASE("a text that was cut off says so") {
  CHECK(response_text("hello", true) == "hello... [truncated]");
  CHECK(response_text("", true) == "... [truncated]");
  for (const auto& text : texts) CHECK(response_text(text, true) == text + "... [truncated]");
}

TEST_CASE("a character that was cut through is left out") {
  for (const char* part : {"\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x98", "\xe0\xa0", "\xf4\x8f"}) {
    CHECK(response_text(std::string("ab") + part, true) == "ab... [truncated]");
  }
}

TEST_CASE("bytes that are not text are kept whole when they were cut off") {
  const std::vector<Row> rows{
      {"\xff\xd8\xff", "/9j/... [truncated]"},
      {"ab\x80", "YWKA... [truncated]"},          // no cut leaves a continuation alone
      {"ab\xe0\x9f", "YWLgnw==... [truncated]"},  // nor what no character begins with
      {"ab\xf0\x9f\x41", "YWLwn0E=... [truncated]"},
      {"ab\xf0\x9f\x98\xff", "YWLwn5j/... [truncated]"},
      {std::string("\0\xc3", 2), "AMM=... [truncated]"},
  };
  for (const auto& row : rows) CHECK(response_text(row.body, true) == row.text);
}

TEST_CASE("a header that is not UTF-8 is read as ISO 8859-1") {
  CHECK(header_text("plain") == "plain");
  CHECK(header_text("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(header_text("caf\xe9") == "caf\xc3\xa9");
  CHECK(header_text("\xff\x80") == "\xc3\xbf\xc2\x80");
}

}  // namespace punctual
