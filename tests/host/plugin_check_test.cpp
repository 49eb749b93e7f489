#include "host/plugin_check.hpp"

#include "host_fixtures.hpp"

namespace punctual {
namespace {

using Lines = std::vector<std::string>;
using testing::LoggedHost;
using testing::plugin_file;

PluginReport check(const std::string& name, const std::vector<SettingText>& settings = {}) {
  LoggedHost logged;
  return check_plugin(plugin_file(name), settings, logged.host);
}

// The failure of a test plugin, without the file in front.
std::string failure_of(const std::string& name, const std::vector<SettingText>& settings = {}) {
  const auto report = check(name, settings);
  REQUIRE_FALSE(report.passed());
  const auto file = plugin_file(name).string() + ": ";
  return report.failure.starts_with(file) ? report.failure.substr(file.size()) : report.failure;
}

TEST_CASE("checking a good notifier says what was done") {
  const auto report = check("good_notifier");
  const auto file = plugin_file("good_notifier").string();
  CHECK(report.passed());
  CHECK(report.lines == Lines{file + ": loaded, 1 plugin",
                              "plugin 'good-notifier' 1.2: a notifier with 5 settings, descriptor is valid",
                              "plugin 'good-notifier': created", "plugin 'good-notifier': took a sample event",
                              "plugin 'good-notifier': destroyed", file + ": unloaded", file + ": loaded once more"});
}

TEST_CASE("checking sends a notifier a sample event") {
  LoggedHost logged;
  REQUIRE(check_plugin(plugin_file("good_notifier"), {}, logged.host).passed());
  CHECK(logged.written.str().find("warn  good-notifier: This is a sample event") != std::string::npos);
}

TEST_CASE("checking leaves nothing loaded") {
  check("good_notifier");
  CHECK_FALSE(PluginLibrary::is_loaded(plugin_file("good_notifier")));
}

TEST_CASE("checking goes through all plugins of a library") {
  const auto report = check("two_plugins");
  CHECK(report.passed());
  CHECK(std::count(report.lines.begin(), report.lines.end(), "plugin 'first': took a sample event") == 1);
  CHECK(std::count(report.lines.begin(), report.lines.end(), "plugin 'second': took a sample event") == 1);
}

TEST_CASE("a transport is drained before it is destroyed") {
  LoggedHost logged;
  CHECK(check_plugin(plugin_file("transport"), {}, logged.host).passed());
  CHECK(logged.written.str().ends_with(" info  drained\n"));
}

TEST_CASE("a storage plugin is not let near its default file") {
  LoggedHost logged;
  CHECK(check_plugin(plugin_file("storage"), {}, logged.host).passed());
  CHECK(logged.written.str().find("precious.db") == std::string::npos);
  CHECK(logged.written.str().find("sqlite:///") != std::string::npos);
}

TEST_CASE("a storage plugin is checked with the URL that is given") {
  LoggedHost logged;
  const std::vector<SettingText> settings{{"storage.url", "sqlite:given.db", "--set"}};
  CHECK(check_plugin(plugin_file("storage"), settings, logged.host).passed());
  CHECK(logged.written.str().ends_with(" info  sqlite:given.db\n"));
}

TEST_CASE("a failing check ends with one line") {
  const auto [name, line] = GENERATE(table<std::string, std::string>({
      {"wrong_abi", "built for plugin ABI 7, this server has 1"},
      {"no_symbol", "is not a Punctual plugin: it exports no punctual_plugin_v1"},
      {"throwing_symbol", "punctual_plugin_v1 threw: the symbol has escaped"},
      {"throwing_create", "plugin 'throwing' could not be created: create threw: create has\\nescaped"},
      {"null_create", "plugin 'null-create' could not be created: cannot reach smtp://***@mail.example\\nno route"},
      {"failing_notifier",
       "plugin 'failing-notifier' did not take a sample event: retry later, "
       "http://***@example.com\\nrefused"},
      {"throwing_notify", "plugin 'throwing' did not take a sample event: give up, notify threw: notify has escaped"},
      {"throwing_destroy",
       "plugin 'throwing' could not be destroyed: destroy threw: something that is not a "
       "std::exception"},
  }));
  CHECK(failure_of(name) == line);
}

TEST_CASE("the settings of a check replace the defaults") {
  CHECK(check("failing_notifier", {{"failing.answer", "0", "--set"}}).passed());
}

TEST_CASE("a setting that the library does not declare fails the check") {
  CHECK(failure_of("failing_notifier", {{"failing.anwser", "0", "--set"}}) ==
        "--set: unknown setting 'failing.anwser'; did you mean 'failing.answer'?");
}

TEST_CASE("the list names each plugin with kind, version and file") {
  const testing::TemporaryFolder folder;
  std::filesystem::copy_file(plugin_file("good_notifier"), folder / "a.so");
  const auto report = list_plugins(PluginCatalog(folder.path()));
  CHECK(report.passed());
  CHECK(report.lines == Lines{"good-notifier  notifier  1.2  " + (folder / "a.so").string()});
}

TEST_CASE("the list reports refused libraries") {
  const testing::TemporaryFolder folder;
  std::filesystem::copy_file(plugin_file("wrong_abi"), folder / "a.so");
  std::filesystem::copy_file(plugin_file("wrong_kind"), folder / "b.so");
  const auto report = list_plugins(PluginCatalog(folder.path()));
  CHECK(report.failure == (folder / "a.so").string() + ": built for plugin ABI 7, this server has 1");
  CHECK(report.lines == Lines{(folder / "b.so").string() + ": plugin 'faulty' is of kind 9, this server knows 1 to 4"});
}

}  // namespace
}  // namespace punctual
