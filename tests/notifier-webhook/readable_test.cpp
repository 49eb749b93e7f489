#include "notifier-text/readable.hpp"

#include <catch2/catch.hpp>

#include "notifier-text/encoded_words.hpp"

using namespace punctual::text;

TEST_CASE("what is not UTF-8 becomes the replacement character") {
  CHECK(readable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(readable("caf\xc3") == "caf\xef\xbf\xbd");
  CHECK(readable("\xff\xfe") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(readable("\xed\xa0\x80!") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!");  // a surrogate
}

TEST_CASE("line ends become LF, other control characters are left out") {
  CHECK(readable("a\r\nb\rc\nd") == "a\nb\nc\nd");
  CHECK(readable("a\x01\x1b[31mb\tc\x7f") == "a[31mb\tc");
  CHECK(readable("a\xe2\x80\xa8"
                 "b") == "a\nb");
}

TEST_CASE("one line has no line ends, and nothing blank at its ends") {
  CHECK(one_line(" a\r\nBcc: x@example.com\t ") == "a Bcc: x@example.com");
  CHECK(one_line(" \n ").empty());
}

TEST_CASE("a shortened text keeps whole characters") {
  CHECK(shortened("abc", 3) == "abc");
  CHECK(shortened("abcdef", 5) == "ab\xe2\x80\xa6");
  CHECK(shortened("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 6) == "\xc3\xa9\xe2\x80\xa6");
  CHECK(shortened("\xf0\x9f\x8c\x8a\xf0\x9f\x8c\x8a", 6) == "\xe2\x80\xa6");
}

TEST_CASE("who signs in by a URL is not told") {
  CHECK(without_userinfo("https://user:pass@example.com/a@b") == "https://***@example.com/a@b");
  CHECK(without_userinfo("https://example.com/a@b") == "https://example.com/a@b");
  CHECK(without_userinfo("https://a@b@example.com") == "https://***@example.com");
}

TEST_CASE("a header that is not ASCII becomes encoded words of whole characters") {
  CHECK(encoded_words("Task failed: nightly") == "Task failed: nightly");
  CHECK(encoded_words("caf\xc3\xa9") == "=?UTF-8?B?Y2Fmw6k=?=");
  CHECK(encoded_words("a =?b") != "a =?b");
  std::string longer;
  for (int i = 0; i < 40; ++i) longer += "\xe2\x82\xac";  // three bytes each
  const auto words = encoded_words("x" + longer, "\r\n ");
  CHECK(words.find("\r\n ") != std::string::npos);
  for (std::size_t at = 0; at < words.size();) {
    const auto end = std::min(words.find("\r\n ", at), words.size());
    CHECK(end - at <= 64);
    at = end + 3;
  }
}
