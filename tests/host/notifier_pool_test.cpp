// The notifier plugins of a server: what they accept as settings of a channel.
#include "host/notifier_pool.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "host/plugin_library.hpp"
#include "host_fixtures.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct Pool {
  std::string accept(const std::string& given, std::string_view stored = "{}") const {
    return pool.accept("notifier-scripted", boost::json::parse(given).as_object(), stored);
  }
  std::string refusal_of(const std::string& given, std::string_view stored = "{}") const {
    return message_of<Invalid>([&] { (void)accept(given, stored); });
  }

  LoggedHost logged;
  PluginLibrary library{plugin_file("notifier_scripted")};
  NotifierPool pool{
      library.plugins(), read_settings(KnownSettings({}, library.plugins()), {}), {}, logged.clock, logged.host,
      NotifierLimits{}};
};

}  // namespace

TEST_CASE_METHOD(Pool, "a secret that is given back as it was shown stays as it is") {
  const std::string stored = R"({"scripted.text":"x","scripted.token":"hidden"})";
  CHECK(accept(pool.shown(stored), stored) == stored);
  CHECK(accept(R"({"text":"x","token":"********"})", stored) == stored);
}

TEST_CASE_METHOD(Pool, "a mask never becomes a secret") {
  // Copied from what was shown of another channel.
  CHECK(refusal_of(R"({"scripted.text":"x","scripted.token":"********"})") ==
        "settings 'scripted.token' is masked: give its value");
  CHECK(refusal_of(R"({"token":"********"})", R"({"scripted.text":"x"})") ==
        "settings 'token' is masked: give its value");
  // What is never masked may look like a mask.
  CHECK(accept(R"({"text":"********"})") == R"({"scripted.text":"********"})");
}
