#include "host/channel_settings.hpp"

#include "host_fixtures.hpp"
#include "punctual/errors.hpp"
#include "punctual/notifier.h"

namespace punctual {
namespace {

using testing::message_of;

constexpr punctual_setting declared[] = {
    {"post.url", PUNCTUAL_STRING, "", "Where to."},
    {"post.tries", PUNCTUAL_INTEGER, "3", "How often."},
    {"post.wait", PUNCTUAL_DURATION, "30s", "How long."},
    {"post.to", PUNCTUAL_STRING_LIST, "", "To whom."},
    {"post.loud", PUNCTUAL_BOOLEAN, "false", "Whether."},
    {"post.token", PUNCTUAL_STRING, "", "A secret."},
    {"post.relay", PUNCTUAL_STRING, "relay.example", "Of the server."},
    {"extra.wait", PUNCTUAL_DURATION, "1s", "How long as well."},
};
constexpr const char* server_settings[] = {"post.relay", nullptr};
constexpr punctual_notifier_v1 operations{sizeof operations, nullptr, server_settings};
constexpr punctual_plugin descriptor{.struct_size = sizeof descriptor,
                                     .abi = PUNCTUAL_PLUGIN_ABI,
                                     .kind = PUNCTUAL_NOTIFIER,
                                     .name = "notifier-post",
                                     .version = "1.0",
                                     .cxx_abi_tag = "",
                                     .settings = declared,
                                     .settings_count = std::size(declared),
                                     .create = nullptr,
                                     .destroy = nullptr,
                                     .operations = &operations,
                                     .next = nullptr};

const Plugin plugin{&descriptor, "/x/notifier-post.so"};

const std::string server = R"({"post.url":"","post.tries":3,"post.wait":30000,"post.to":[],"post.loud":false,)"
                           R"("post.token":"of-the-server","post.relay":"relay.example","extra.wait":1000})";

ChannelSettings merged(const std::string& own) {
  return channel_settings(plugin, server, boost::json::parse(own).as_object());
}

std::string refusal_of(const std::string& own) {
  return message_of<Invalid>([&] { (void)merged(own); });
}

TEST_CASE("a channel without settings has those of the server") {
  const auto all = merged("{}");
  CHECK(all.for_create == server);
  CHECK(all.stored.empty());
}

TEST_CASE("a channel's settings override those of the server, by whole or short name") {
  const auto all = merged(R"({"url":"http://a.example","post.token":"my-own"})");
  CHECK(all.for_create ==
        R"({"post.url":"http://a.example","post.tries":3,"post.wait":30000,"post.to":[],"post.loud":false,)"
        R"("post.token":"my-own","post.relay":"relay.example","extra.wait":1000})");
}

TEST_CASE("texts of a channel's settings are read as the declared types") {
  const auto all = merged(R"({"tries":"7","post.wait":"250ms","to":"a, b","loud":"true"})");
  const auto values = boost::json::parse(all.for_create);
  CHECK(values.at("post.tries") == 7);
  CHECK(values.at("post.wait") == 250);
  CHECK(values.at("post.to") == boost::json::array{"a", "b"});
  CHECK(values.at("post.loud") == true);
}

TEST_CASE("numbers, booleans and arrays are taken for settings of these types") {
  const auto all = merged(R"({"tries":7,"post.wait":2,"to":["a","b"],"loud":true})");
  const auto values = boost::json::parse(all.for_create);
  CHECK(values.at("post.tries") == 7);
  CHECK(values.at("post.wait") == 2000);
  CHECK(values.at("post.to") == boost::json::array{"a", "b"});
  CHECK(values.at("post.loud") == true);
}

TEST_CASE("a channel's settings are stored as texts, by whole names in the order of declaration") {
  const auto all = merged(R"({"loud":true,"to":["a","b"],"post.wait":90,"tries":7,"url":"u"})");
  CHECK(boost::json::serialize(all.stored) ==
        R"({"post.url":"u","post.tries":"7","post.wait":"90s","post.to":"a,b","post.loud":"true"})");
}

TEST_CASE("stored settings of a channel give the same again") {
  const auto all = merged(R"({"loud":true,"to":["a","b"],"post.wait":90,"tries":7,"url":"u"})");
  const auto again = channel_settings(plugin, server, all.stored);
  CHECK(again.for_create == all.for_create);
  CHECK(again.stored == all.stored);
}

TEST_CASE("a channel's setting that cannot be is refused by its name") {
  const auto [own, line] = GENERATE(table<std::string, std::string>({
      {R"({"ulr":"x"})", "settings 'ulr' is not a setting of notifier-post; did you mean 'url'?"},
      {R"({"post.ulr":"x"})", "settings 'post.ulr' is not a setting of notifier-post; did you mean 'post.url'?"},
      {R"({"background":"x"})", "settings 'background' is not a setting of notifier-post"},
      {R"({"relay":"x"})", "settings 'relay' can be set in the server's configuration only"},
      {R"({"post.relay":"x"})", "settings 'post.relay' can be set in the server's configuration only"},
      {R"({"post.relai":"x"})", "settings 'post.relai' is not a setting of notifier-post; did you mean 'post.url'?"},
      {R"({"url":"x","post.url":"y"})", "settings 'post.url' is given twice, as 'post.url' too"},
      {R"({"tries":"often"})", "settings 'tries' must be an integer"},
      {R"({"tries":1.5})", "settings 'tries' must be an integer"},
      {R"({"loud":"yes"})", "settings 'loud' must be true or false"},
      {R"({"post.wait":-1})", "settings 'post.wait' must be a duration such as 250ms, 30s, 5m, 2h or 1d"},
      {R"({"url":7})", "settings 'url' must be a text"},
      {R"({"url":null})", "settings 'url' must be a text"},
      {R"({"url":"a\u0000b"})", "settings 'url' must be a text without a NUL"},
      {R"({"to":[1]})", "settings 'to' must be a list of texts"},
      {R"({"to":["a,b"]})",
       "settings 'to' must be a list of texts, none of which has a comma or begins or ends with a blank"},
  }));
  CHECK(refusal_of(own) == line);
}

TEST_CASE("a short name that two settings have must be written whole") {
  CHECK(refusal_of(R"({"wait":"1s"})") == "settings 'wait' may be 'post.wait' or 'extra.wait': write which");
}

TEST_CASE("a refusal of a channel's settings is one of the field settings") {
  try {
    (void)merged(R"({"tries":"often"})");
    FAIL("it was taken");
  } catch (const Invalid& invalid) {
    CHECK(invalid.fields() == Invalid::Fields{{"settings", {"'tries' must be an integer"}}});
  }
}

}  // namespace
}  // namespace punctual
