#include "host/settings_reader.hpp"

#include <stdlib.h>

#include <array>

#include "host_fixtures.hpp"

namespace punctual {
namespace {

using testing::message_of;
using testing::plugin_file;
using testing::TemporaryFolder;

constexpr std::array<punctual_setting, 7> core{{
    {"delivery.allow_private_networks", PUNCTUAL_BOOLEAN, "false", "Private targets."},
    {"delivery.timeout", PUNCTUAL_DURATION, "30s", "A limit."},
    {"http.listen", PUNCTUAL_STRING, "127.0.0.1:8080", "Where."},
    {"http.trusted_proxies", PUNCTUAL_STRING_LIST, "", "Who."},
    {"limits.requests_per_minute", PUNCTUAL_INTEGER, "600", "How many."},
    {"email.password", PUNCTUAL_STRING, "", "The password."},
    {"storage.url", PUNCTUAL_STRING, "sqlite:punctual.db", "The store."},
}};

const KnownSettings& known() {
  static const KnownSettings settings(core, {});
  return settings;
}

Settings read(const SettingsSources& sources) { return read_settings(known(), sources).all(); }
std::string error_of(const SettingsSources& sources) {
  return message_of<SettingsError>([&] { static_cast<void>(read_settings(known(), sources)); });
}

SettingsSources command_line(const std::string& assignment) {
  SettingsSources sources;
  sources.command_line.push_back(parse_assignment(assignment));
  return sources;
}

SettingsSources environment(const std::string& variable, const std::string& value) {
  SettingsSources sources;
  sources.environment[variable] = value;
  return sources;
}

// The settings of a TOML file with this text, or what is wrong with it, the file's path left out of it.
Settings from_toml(const std::string& text) {
  const TemporaryFolder folder;
  SettingsSources sources;
  sources.config_file = folder.write("punctual.toml", text);
  return read(sources);
}
std::string toml_error(const std::string& text) {
  const TemporaryFolder folder;
  SettingsSources sources;
  sources.config_file = folder.write("punctual.toml", text);
  const auto line = error_of(sources);
  const auto file = sources.config_file->string();
  REQUIRE(line.starts_with(file));
  return line.substr(file.size());
}

TEST_CASE("without any source the declared defaults hold") {
  const auto settings = read({});
  CHECK(settings.boolean("delivery.allow_private_networks") == false);
  CHECK(settings.duration("delivery.timeout") == milliseconds{30'000});
  CHECK(settings.string("http.listen") == "127.0.0.1:8080");
  CHECK(settings.list("http.trusted_proxies").empty());
  CHECK(settings.integer("limits.requests_per_minute") == 600);
}

TEST_CASE("later sources win: default, caller's default, file, environment, command line") {
  const TemporaryFolder folder;
  SettingsSources sources;
  const auto value = [&] { return read(sources).integer("limits.requests_per_minute"); };
  CHECK(value() == 600);
  sources.defaults.push_back({"limits.requests_per_minute", "1", "--dev"});
  CHECK(value() == 1);
  sources.config_file = folder.write("punctual.toml", "[limits]\nrequests_per_minute = 2\n");
  CHECK(value() == 2);
  sources.environment["PUNCTUAL_LIMITS__REQUESTS_PER_MINUTE"] = "3";
  CHECK(value() == 3);
  sources.command_line.push_back(parse_assignment("limits.requests_per_minute=4"));
  CHECK(value() == 4);
  sources.command_line.push_back(parse_assignment("limits.requests_per_minute=5"));
  CHECK(value() == 5);
}

TEST_CASE("a file has nested tables, dotted keys, lists and durations in two forms") {
  const auto settings = from_toml(R"(
http = { listen = "0.0.0.0:80", trusted_proxies = ["10.0.0.0/8", "::1"] }
[delivery]
allow_private_networks = true
timeout = 45
)");
  CHECK(settings.duration("delivery.timeout") == milliseconds{45'000});
  CHECK(settings.string("http.listen") == "0.0.0.0:80");
  CHECK(settings.list("http.trusted_proxies") == std::vector<std::string>{"10.0.0.0/8", "::1"});
  CHECK(settings.boolean("delivery.allow_private_networks"));
  CHECK(from_toml("delivery.timeout = '250ms'").duration("delivery.timeout") == milliseconds{250});
  CHECK(from_toml("http.trusted_proxies = 'a, b'").list("http.trusted_proxies") == std::vector<std::string>{"a", "b"});
}

TEST_CASE("the environment names a setting in capitals with two underscores for the dot") {
  CHECK(read(environment("PUNCTUAL_DELIVERY__ALLOW_PRIVATE_NETWORKS", "true"))
            .boolean("delivery.allow_private_networks"));
}

TEST_CASE("variables that do not name a setting are passed over") {
  CHECK_NOTHROW(read(environment("PUNCTUAL_HOME", "x")));
  CHECK_NOTHROW(read(environment("OTHER__THING", "x")));
}

TEST_CASE("the variables of the process that are ours are found") {
  setenv("PUNCTUAL_HTTP__LISTEN", "a=b", 1);
  setenv("NOT_PUNCTUAL_HTTP__LISTEN", "x", 1);
  const auto found = punctual_environment();
  CHECK(found.at("PUNCTUAL_HTTP__LISTEN") == "a=b");
  CHECK(found.count("NOT_PUNCTUAL_HTTP__LISTEN") == 0);
}

TEST_CASE("an assignment ends its name at the first equals sign") {
  const auto text = parse_assignment("storage.url=postgresql:///x?a=b");
  CHECK(text.name == "storage.url");
  CHECK(text.value == "postgresql:///x?a=b");
  CHECK(text.origin == "--set");
}

TEST_CASE("an assignment without a name or equals sign is refused without being repeated") {
  CHECK(message_of<SettingsError>([] { static_cast<void>(parse_assignment("email.password:word")); }) ==
        "--set: expected section.key=value");
  CHECK(message_of<SettingsError>([] { static_cast<void>(parse_assignment("=x")); }) ==
        "--set: expected section.key=value");
}

TEST_CASE("an unknown name on the command line suggests the near one") {
  CHECK(error_of(command_line("delivery.alow_private_network=true")) ==
        "--set: unknown setting 'delivery.alow_private_network'; did you mean 'delivery.allow_private_networks'?");
}

TEST_CASE("a name without its section is recognised") {
  CHECK(error_of(command_line("allow_private_networks=true")) ==
        "--set: unknown setting 'allow_private_networks'; did you mean 'delivery.allow_private_networks'?");
}

TEST_CASE("letters in the wrong order count as one mistake") {
  CHECK(error_of(command_line("http.lisetn=x")) == "--set: unknown setting 'http.lisetn'; did you mean 'http.listen'?");
}

TEST_CASE("an unknown name that is like no other suggests nothing") {
  CHECK(error_of(command_line("zzz.qqq=1")) == "--set: unknown setting 'zzz.qqq'");
}

TEST_CASE("an unknown name in a file says the line") {
  CHECK(toml_error("[http]\n\nlisten = 'x'\nlistne = 'y'\n") ==
        ":4: unknown setting 'http.listne'; did you mean 'http.listen'?");
}

TEST_CASE("a key of a file that stands where a section should be is unknown") {
  CHECK(toml_error("[storage.url]\nhost = 'x'\n") ==
        ":2: unknown setting 'storage.url.host'; did you mean 'storage.url'?");
}

TEST_CASE("an unknown variable suggests the near one in capitals") {
  CHECK(error_of(environment("PUNCTUAL_HTTP__LISTN", "x")) ==
        "PUNCTUAL_HTTP__LISTN: unknown setting 'http.listn'; did you mean PUNCTUAL_HTTP__LISTEN?");
}

TEST_CASE("an unknown default of the caller is refused, too") {
  SettingsSources sources;
  sources.defaults.push_back({"http.listn", "x", "--dev"});
  CHECK(error_of(sources) == "--dev: unknown setting 'http.listn'; did you mean 'http.listen'?");
}

TEST_CASE("a bad value says the setting, the value and what is expected") {
  const auto [assignment, line] = GENERATE(table<std::string, std::string>({
      {"delivery.timeout=soon",
       "--set: delivery.timeout is 'soon', expected a duration such as 250ms, 30s, 5m, 2h or 1d"},
      {"limits.requests_per_minute=many", "--set: limits.requests_per_minute is 'many', expected an integer"},
      {"delivery.allow_private_networks=yes",
       "--set: delivery.allow_private_networks is 'yes', expected true or false"},
  }));
  CHECK(error_of(command_line(assignment)) == line);
}

TEST_CASE("a bad value of a variable says which variable") {
  CHECK(error_of(environment("PUNCTUAL_LIMITS__REQUESTS_PER_MINUTE", "")) ==
        "PUNCTUAL_LIMITS__REQUESTS_PER_MINUTE: limits.requests_per_minute is '', expected an integer");
}

TEST_CASE("a value of another type in a file is refused with its line") {
  const auto [text, line] = GENERATE(table<std::string, std::string>({
      {"limits.requests_per_minute = '600'", ":1: limits.requests_per_minute is '600', expected an integer"},
      {"limits.requests_per_minute = 1.5", ":1: limits.requests_per_minute is 1.5, expected an integer"},
      {"http.listen = 8080", ":1: http.listen is 8080, expected a text"},
      {"http.listen = 2026-01-01", ":1: http.listen is 2026-01-01, expected a text"},
      {"delivery.allow_private_networks = 1", ":1: delivery.allow_private_networks is 1, expected true or false"},
      {"delivery.timeout = -1", ":1: delivery.timeout is -1, expected a duration such as 250ms, 30s, 5m, 2h or 1d"},
      {"http.trusted_proxies = ['a', 1]", ":1: http.trusted_proxies is [ 'a', 1 ], expected a list of texts"},
  }));
  CHECK(toml_error(text) == line);
}

TEST_CASE("the bad value of a secret is not shown") {
  CHECK(toml_error("email.password = 1234") == ":1: email.password is (hidden), expected a text");
}

TEST_CASE("userinfo in a bad value is masked") {
  CHECK(error_of(command_line("delivery.timeout=http://me:word@x")) ==
        "--set: delivery.timeout is 'http://***@x', expected a duration such as 250ms, 30s, 5m, 2h or 1d");
}

TEST_CASE("a file that is not TOML is refused with its line") {
  CHECK(toml_error("[http]\nlisten = = 1\n").starts_with(":2: is not TOML: "));
}

TEST_CASE("a file that cannot be read is refused") {
  const TemporaryFolder folder;
  SettingsSources sources;
  sources.config_file = folder / "absent.toml";
  CHECK(error_of(sources) == (folder / "absent.toml").string() + ": cannot be read");
  sources.config_file = folder.path();
  CHECK(error_of(sources) == folder.path().string() + ": cannot be read");
}

TEST_CASE("an empty file changes nothing") { CHECK(from_toml("").integer("limits.requests_per_minute") == 600); }

TEST_CASE("a plugin's settings are known beside the core's") {
  const PluginLibrary library(plugin_file("good_notifier"));
  SettingsSources sources = command_line("good.wait=5m");
  const auto settings = read_settings(KnownSettings(core, library.plugins()), sources);
  CHECK(settings.json_for(*library.plugins().front().descriptor) ==
        R"({"good.text":"hello","good.count":3,"good.wait":300000,"good.to":["a","b"],"good.on":true})");
  CHECK(settings.all().string("http.listen") == "127.0.0.1:8080");
}

TEST_CASE("a setting may be declared twice alike") {
  const PluginLibrary library(plugin_file("storage"));
  const std::array<Plugin, 2> plugins{library.plugins().front(), library.plugins().front()};
  CHECK_NOTHROW(KnownSettings({}, plugins));
}

TEST_CASE("a plugin that declares a setting of the server differently is refused") {
  const PluginLibrary library(plugin_file("storage"));
  CHECK(message_of<PluginRefused>([&] { KnownSettings(core, library.plugins()); }) ==
        library.file().string() +
            ": plugin 'forgetful' declares setting 'storage.url' with default 'sqlite:precious.db' (a text), but the "
            "server declares it with default 'sqlite:punctual.db' (a text)");
}

TEST_CASE("a plugin that declares a setting of another plugin differently is refused") {
  const PluginLibrary first(plugin_file("good_notifier"));
  const PluginLibrary second(plugin_file("two_plugins"));
  const std::array<Plugin, 2> plugins{first.plugins().front(), second.plugins().front()};
  CHECK(message_of<PluginRefused>([&] { KnownSettings({}, plugins); }) ==
        second.file().string() +
            ": plugin 'first' declares setting 'good.text' with default 'another' (a text), but plugin "
            "'good-notifier' declares it with default 'hello' (a text)");
}

TEST_CASE("core settings that do not agree are a bug") {
  constexpr std::array<punctual_setting, 2> twice{
      {{"a.b", PUNCTUAL_INTEGER, "1", "One."}, {"a.b", PUNCTUAL_INTEGER, "2", "Two."}}};
  CHECK_THROWS_AS(KnownSettings(twice, {}), std::logic_error);
}

TEST_CASE("a core default that is not of its type is a bug") {
  constexpr std::array<punctual_setting, 1> wrong{{{"a.b", PUNCTUAL_INTEGER, "one", "One."}}};
  const KnownSettings settings(wrong, {});
  CHECK_THROWS_AS(read_settings(settings, {}), std::logic_error);
}

TEST_CASE("the effective settings are listed as TOML with their origin, secrets masked") {
  auto sources = command_line("storage.url=postgresql://me:word@db/x");
  sources.command_line.push_back({"http.listen", "[::1]:80", "--listen"});
  sources.environment["PUNCTUAL_EMAIL__PASSWORD"] = "word";
  sources.environment["PUNCTUAL_HTTP__TRUSTED_PROXIES"] = "a,b";
  sources.defaults.push_back({"delivery.allow_private_networks", "true", "--dev"});
  CHECK(read_settings(known(), sources).lines() ==
        std::vector<std::string>{
            R"(delivery.allow_private_networks = true  # --dev)",
            R"(delivery.timeout = "30s"  # default)",
            R"(email.password = "***"  # PUNCTUAL_EMAIL__PASSWORD)",
            R"(http.listen = "[::1]:80"  # --listen)",
            R"(http.trusted_proxies = ["a","b"]  # PUNCTUAL_HTTP__TRUSTED_PROXIES)",
            R"(limits.requests_per_minute = 600  # default)",
            R"(storage.url = "postgresql://***@db/x"  # --set)",
        });
}

TEST_CASE("the origin of a value from a file is its line") {
  const TemporaryFolder folder;
  SettingsSources sources;
  sources.config_file = folder.write("punctual.toml", "\n[http]\nlisten = 'x'\n");
  CHECK(read_settings(known(), sources).entries().at("http.listen").origin ==
        (folder / "punctual.toml").string() + ":3");
}

}  // namespace
}  // namespace punctual
