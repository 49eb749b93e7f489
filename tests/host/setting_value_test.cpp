#include "host/setting_value.hpp"

#include "host_fixtures.hpp"

namespace punctual {
namespace {

TEST_CASE("durations are read with their units") {
  const auto [text, expected] = GENERATE(table<std::string, std::int64_t>({{"250ms", 250},
                                                                           {"30s", 30'000},
                                                                           {"5m", 300'000},
                                                                           {"2h", 7'200'000},
                                                                           {"1d", 86'400'000},
                                                                           {"30", 30'000},
                                                                           {"0", 0}}));
  CAPTURE(text);
  CHECK(parse_duration(text) == milliseconds{expected});
}

TEST_CASE("what is not a duration is not read as one") {
  const auto text = GENERATE(as<std::string>(), "", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ", "1w", "1S",
                             "99999999999999999999s", "9223372036854775807s", "106751991168d", "1h30m");
  CAPTURE(text);
  CHECK_FALSE(parse_duration(text).has_value());
}

TEST_CASE("durations are written in their largest whole unit") {
  CHECK(format_duration(milliseconds{0}) == "0s");
  CHECK(format_duration(milliseconds{250}) == "250ms");
  CHECK(format_duration(milliseconds{90'000}) == "90s");
  CHECK(format_duration(milliseconds{7'200'000}) == "2h");
  CHECK(format_duration(milliseconds{86'400'000}) == "1d");
}

TEST_CASE("a list is separated by commas, with white space around items ignored") {
  CHECK(*parse_setting(PUNCTUAL_STRING_LIST, " a, b c ,,d") == boost::json::value{"a", "b c", "d"});
  CHECK(parse_setting(PUNCTUAL_STRING_LIST, "")->as_array().empty());
  CHECK(*parse_setting(PUNCTUAL_STRING_LIST, "one") == boost::json::value(boost::json::array{"one"}));
}

TEST_CASE("an integer is the whole text") {
  CHECK(*parse_setting(PUNCTUAL_INTEGER, "-12") == boost::json::value(-12));
  const auto text = GENERATE(as<std::string>(), "", "1x", "1.0", " 1", "0x10", "9223372036854775808");
  CAPTURE(text);
  CHECK_FALSE(parse_setting(PUNCTUAL_INTEGER, text).has_value());
}

TEST_CASE("a boolean is true or false") {
  CHECK(*parse_setting(PUNCTUAL_BOOLEAN, "true") == boost::json::value(true));
  CHECK(*parse_setting(PUNCTUAL_BOOLEAN, "false") == boost::json::value(false));
  const auto text = GENERATE(as<std::string>(), "", "1", "yes", "True");
  CAPTURE(text);
  CHECK_FALSE(parse_setting(PUNCTUAL_BOOLEAN, text).has_value());
}

TEST_CASE("a text is taken as it is") {
  CHECK(*parse_setting(PUNCTUAL_STRING, " a=b,\"c\" ") == boost::json::value(" a=b,\"c\" "));
}

TEST_CASE("names of settings are dotted lower-case words") {
  CHECK(is_setting_name("http.listen"));
  CHECK(is_setting_name("delivery.allow_private_networks"));
  CHECK(is_setting_name("a.b2.c"));
  const auto name = GENERATE(as<std::string>(), "", "http", ".listen", "http.", "http..listen", "Http.listen",
                             "http.2x", "http.a__b", "http._a", "http.a_", "http.a-b", "http.a b");
  CAPTURE(name);
  CHECK_FALSE(is_setting_name(name));
}

TEST_CASE("a value is written as it is read") {
  const auto [type, text] = GENERATE(table<punctual_setting_type, std::string>({
      {PUNCTUAL_STRING, "a, b"},
      {PUNCTUAL_INTEGER, "-7"},
      {PUNCTUAL_BOOLEAN, "true"},
      {PUNCTUAL_DURATION, "250ms"},
      {PUNCTUAL_DURATION, "0s"},
      {PUNCTUAL_STRING_LIST, "a,b"},
      {PUNCTUAL_STRING_LIST, ""},
  }));
  CHECK(written_setting(type, *parse_setting(type, text)) == text);
}

TEST_CASE("a plugin is given durations in milliseconds and lists with commas") {
  CHECK(setting_for_plugin(PUNCTUAL_DURATION, *parse_setting(PUNCTUAL_DURATION, "2s")) == "2000");
  CHECK(setting_for_plugin(PUNCTUAL_STRING_LIST, *parse_setting(PUNCTUAL_STRING_LIST, "a , b")) == "a,b");
  CHECK(setting_for_plugin(PUNCTUAL_BOOLEAN, *parse_setting(PUNCTUAL_BOOLEAN, "false")) == "false");
}

}  // namespace
}  // namespace punctual
