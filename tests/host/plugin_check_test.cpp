#include "host/plugin_check.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <regex>
#include <set>

#include "engine/sample_events.hpp"
#include "host_fixtures.hpp"
#include "punctual/ids.hpp"

namespace punctual {
namespace {

using Lines = std::vector<std::string>;
using testing::LoggedHost;
using testing::plugin_file;

PluginReport check(const std::string& name, const std::vector<SettingText>& settings, LoggedHost& logged) {
  return check_plugin(plugin_file(name), testing::plugin_file("").parent_path(), settings,
                      sample_events(logged.host.now()), logged.host);
}

PluginReport check(const std::string& name, const std::vector<SettingText>& settings = {}) {
  LoggedHost logged;
  return check(name, settings, logged);
}

// The lines with every time as N.
Lines without_times(const Lines& lines) {
  Lines out;
  for (const auto& line : lines) out.push_back(std::regex_replace(line, std::regex("[0-9]+\\.[0-9]+ ms"), "N ms"));
  return out;
}

bool says(const PluginReport& report, const std::string& line) {
  const auto lines = without_times(report.lines);
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

// What notifier-scripted is checked with when it behaves like that.
std::vector<SettingText> behaving(const std::string& behaviour) { return {{"scripted.behaviour", behaviour, "--set"}}; }

// The failure of a test plugin, without the file in front.
std::string failure_of(const std::string& name, const std::vector<SettingText>& settings = {}) {
  const auto report = check(name, settings);
  REQUIRE_FALSE(report.passed());
  const auto file = plugin_file(name).string() + ": ";
  return report.failure.starts_with(file) ? report.failure.substr(file.size()) : report.failure;
}

TEST_CASE("checking a good notifier says what was done, and how long it took") {
  const auto report = check("good_notifier");
  const auto file = plugin_file("good_notifier").string();
  const auto folder = plugin_file("").parent_path().string();
  CHECK(report.failure.empty());
  CHECK(without_times(report.lines) ==
        Lines{file + ": loaded, 1 plugin",
              folder + "/http.so: cannot be loaded: cannot open shared object file: No such file or directory; so the "
                       "plugin can send no requests here",
              "plugin 'good-notifier' 1.2: a notifier with 5 settings, descriptor is valid",
              "plugin 'good-notifier': created in N ms", "plugin 'good-notifier': task.failed: delivered in N ms",
              "plugin 'good-notifier': task.recovered: delivered in N ms",
              "plugin 'good-notifier': task.disabled: delivered in N ms",
              "plugin 'good-notifier': queue.stalled: delivered in N ms",
              "plugin 'good-notifier': quota.warning: delivered in N ms",
              "plugin 'good-notifier': quota.reached: delivered in N ms",
              "plugin 'good-notifier': host.circuit_opened: delivered in N ms",
              "plugin 'good-notifier': summary: delivered in N ms", "plugin 'good-notifier': test: delivered in N ms",
              "plugin 'good-notifier': test 200 times more: delivered in N ms each, and its memory does not grow",
              "plugin 'good-notifier': destroyed in N ms", file + ": unloaded", file + ": loaded once more"});
}

TEST_CASE("checking sends a notifier sample events, and logs what it says of them once") {
  LoggedHost logged;
  REQUIRE(check("good_notifier", {}, logged).passed());
  const auto text = logged.written.str();
  CHECK(text.find("warn  good-notifier: \"Sample task\" has failed after 6 attempts: HTTP 500") != std::string::npos);
  CHECK(text.find("a test of the channel") == text.rfind("a test of the channel"));
}

TEST_CASE("sample events have all that notifier.h promises") {
  const testing::TemporaryFolder folder;
  const std::string file = folder / "events";
  REQUIRE(check("notifier_scripted", {{"scripted.file", file, "--set"}}).passed());
  std::ifstream lines(file);
  std::set<std::string> kinds;
  std::set<std::string> ids;
  for (std::string line; std::getline(lines, line);) {
    const auto event = boost::json::parse(line).as_object();
    const auto& json = event.at("json").as_object();
    CAPTURE(line);
    for (const auto* name : {"id", "organization", "channel", "subject", "detail", "message", "count"}) {
      CHECK(json.at(name) == event.at(name));
    }
    CHECK(json.at("event") == event.at("kind"));
    CHECK(json.at("task").is_object() == !event.at("task_id").as_string().empty());
    CHECK(json.at("execution").is_object() == !event.at("execution_id").as_string().empty());
    CHECK(Uuid::parse(event.at("id").as_string()));
    CHECK(event.at("occurred_at_ms").as_int64() == 1795464000000);
    CHECK(json.at("occurred_at") == "2026-11-23T20:00:00.000Z");
    kinds.emplace(event.at("kind").as_string());
    ids.emplace(event.at("id").as_string());
  }
  CHECK(kinds == std::set<std::string>{"host.circuit_opened", "queue.stalled", "quota.reached", "quota.warning",
                                       "summary", "task.disabled", "task.failed", "task.recovered", "test"});
  CHECK(ids.size() == 9);
}

TEST_CASE("a notifier that does not deliver fails the check, which goes on with the other events") {
  const auto [behaviour, answer] =
      GENERATE(table<std::string, std::string>({{"retry", "retry later"}, {"give-up", "give up"}}));
  const auto report = check("notifier_scripted", behaving(behaviour));
  const std::string line = answer + " in N ms, as the script says";
  CHECK(says(report, "plugin 'notifier-scripted': task.failed: " + line));
  CHECK(says(report, "plugin 'notifier-scripted': test: " + line));
  CHECK(says(report, "plugin 'notifier-scripted': destroyed in N ms"));
  CHECK(report.failure.ends_with("plugin 'notifier-scripted' did not take task.failed: " + answer +
                                 ", as the script says"));
}

TEST_CASE("a notifier that ends its thread fails the check") {
  const auto [behaviour, where] = GENERATE(table<std::string, std::string>({
      {"create-end-thread", "create"},
      {"end-thread", "notify of task.failed"},
      {"destroy-end-thread", "destroy"},
  }));
  const auto report = check("notifier_scripted", behaving(behaviour));
  CHECK(report.failure.ends_with("plugin 'notifier-scripted' has ended the thread that called it, in " + where));
  CHECK_FALSE(report.hangs);
}

TEST_CASE("a notifier that does not return fails the check after the deadline") {
  const auto [behaviour, where] = GENERATE(table<std::string, std::string>({
      {"create-block", "create"},
      {"block", "notify of task.failed"},
      {"destroy-block", "destroy"},
  }));
  static auto& logged = *new LoggedHost;  // of the thread that goes on
  auto settings = behaving(behaviour);
  settings.push_back({"notify.timeout", "50ms", "--set"});
  const auto report = check("notifier_scripted", settings, logged);
  CHECK(report.failure.ends_with("plugin 'notifier-scripted' hangs: " + where + " has not returned within 50ms"));
  CHECK(report.hangs);
}

TEST_CASE("a notifier whose memory grows with every event is told of") {
  const auto report = check("notifier_scripted", behaving("leak"));
  CHECK(report.passed());
  const auto warns = std::any_of(report.lines.begin(), report.lines.end(), [](const auto& line) {
    return line.starts_with(
        "plugin 'notifier-scripted': WARNING: it seems to leak: with each event its memory grows by ");
  });
  CHECK(warns);
}

TEST_CASE("a notifier that takes its time is not told the same many times") {
  auto settings = behaving("block");
  settings.push_back({"scripted.wait", "11ms", "--set"});
  const auto report = check("notifier_scripted", settings);
  CHECK(report.passed());
  CHECK(says(report,
             "plugin 'notifier-scripted': not told more, to see whether its memory grows, as it takes more than 10ms"));
}

TEST_CASE("without the server's transport a notifier can send nothing in a check") {
  auto settings = behaving("send");
  settings.push_back({"scripted.url", "http://127.0.0.1:1/", "--set"});
  CHECK(
      check("notifier_scripted", settings)
          .failure.ends_with("did not take task.failed: retry later, this server sends no HTTP requests for plugins"));
}

TEST_CASE("plugins built with the first headers, in C or with the C++ kit, pass the check") {
  const auto report = check(GENERATE("notifier_first", "notifier_kit", "notifier_scripted"));
  CHECK(report.failure.empty());
}

TEST_CASE("checking leaves nothing loaded") {
  check("good_notifier");
  CHECK_FALSE(PluginLibrary::is_loaded(plugin_file("good_notifier")));
}

TEST_CASE("checking goes through all plugins of a library") {
  const auto report = check("two_plugins");
  CHECK(report.passed());
  CHECK(says(report, "plugin 'first': test: delivered in N ms"));
  CHECK(says(report, "plugin 'second': test: delivered in N ms"));
}

TEST_CASE("a transport is drained before it is destroyed") {
  LoggedHost logged;
  CHECK(check("transport", {}, logged).passed());
  CHECK(logged.written.str().ends_with(" info  drained\n"));
}

TEST_CASE("a storage plugin is not let near its default file") {
  LoggedHost logged;
  CHECK(check("storage", {}, logged).passed());
  CHECK(logged.written.str().find("precious.db") == std::string::npos);
  CHECK(logged.written.str().find("sqlite:///") != std::string::npos);
}

TEST_CASE("a storage plugin is checked with the URL that is given") {
  LoggedHost logged;
  const std::vector<SettingText> settings{{"storage.url", "sqlite:given.db", "--set"}};
  CHECK(check("storage", settings, logged).passed());
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
       "plugin 'failing-notifier' did not take task.failed: retry later, "
       "http://***@example.com\\nrefused"},
      {"throwing_notify", "plugin 'throwing' did not take task.failed: give up, notify threw: notify has escaped"},
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
