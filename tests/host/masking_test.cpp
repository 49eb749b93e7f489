#include "host/masking.hpp"

#include "host_fixtures.hpp"

namespace punctual {
namespace {

TEST_CASE("what looks like a secret is masked") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"key pk_live_abc.sk_live_Ab-9_z, next", "key pk_live_abc.sk_live_***, next"},
      {"sk_live_one sk_live_two", "sk_live_*** sk_live_***"},
      {"whsec_Zm9v+/A== end", "whsec_*** end"},
      {"postgresql://me:word@db.example/x?y=1", "postgresql://***@db.example/x?y=1"},
      {"http://token@example.com", "http://***@example.com"},
      {"http://a:b@c@example.com/", "http://***@example.com/"},
      {"from http://a:b@x to https://c:d@y", "from http://***@x to https://***@y"},
      {"postgresql:///tasks?user=me&password=word&sslmode=require",
       "postgresql:///tasks?user=me&password=***&sslmode=require"},
      {"https://x.example/hook?token=abc", "https://x.example/hook?token=***"},
      {"https://x.example/?a=1&API_Key=abc&b=2", "https://x.example/?a=1&API_Key=***&b=2"},
      {"https://x.example?access_token=a;X-Amz-Signature=b;page=3 later",
       "https://x.example?access_token=***;X-Amz-Signature=***;page=3 later"},
      {"https://x.example/#client_secret=abc&x=y", "https://x.example/#client_secret=***&x=y"},
      {"sent \"https://x.example/?sig=a\" to https://y.example/?passwd=b and back",
       "sent \"https://x.example/?sig=***\" to https://y.example/?passwd=*** and back"},
      {"https://x.example/?next=https://y.example/?authorization=a",
       "https://x.example/?next=https://y.example/?authorization=***"},
      {"https://x.example/?credential=a=b&token&token=&t=1", "https://x.example/?credential=***&token&token=&t=1"},
  }));
  CHECK(mask_secrets(text) == expected);
}

TEST_CASE("what is no secret stays as it is") {
  const auto text = GENERATE(as<std::string>(), "", "sk_live_", "a://", "http://example.com/@home", "a@b.example",
                             "http://x/?to=me@b.example", "http://example.com wrote to a@b.example",
                             "sqlite:///var/lib/punctual.db", "token=abc", "https://x.example/token=abc?page=2#top");
  CHECK(mask_secrets(text) == text);
}

TEST_CASE("control characters are written out, so that a line is a line") {
  CHECK(one_line("a\nb\r\tc\x1b[31m\x7f") == "a\\nb\\r\\tc\\x1b[31m\\x7f");
  CHECK(one_line(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(one_line("\xc2\x9b") == "\\u009b");
  CHECK(one_line("\xe2\x80\xa8") == "\\u2028");
}

TEST_CASE("text in UTF-8 stays as it is") { CHECK(one_line("größe 漢字 😀") == "größe 漢字 😀"); }

TEST_CASE("bytes that are not UTF-8 are replaced") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"a\xff"
       "b",
       "a\xef\xbf\xbd"
       "b"},
      {"\xc3", "\xef\xbf\xbd"},
      {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
  }));
  CHECK(one_line(text) == expected);
}

TEST_CASE("a setting is secret by the end of its name") {
  CHECK(is_secret_name("email.password"));
  CHECK(is_secret_name("webhook.signing_secret"));
  CHECK(is_secret_name("chat.token"));
  CHECK_FALSE(is_secret_name("http.listen"));
  CHECK_FALSE(is_secret_name("email.password_file"));
}

}  // namespace
}  // namespace punctual
