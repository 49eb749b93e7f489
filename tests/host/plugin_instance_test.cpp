#include "host/plugin_instance.hpp"

#include "host/settings_reader.hpp"
#include "host_fixtures.hpp"

namespace punctual {
namespace {

using testing::LoggedHost;
using testing::message_of;
using testing::plugin_file;

std::string settings_of(const Plugin& plugin, const std::string& name = {}, const std::string& value = {}) {
  SettingsSources sources;
  if (!name.empty()) sources.command_line.push_back({name, value, "--set"});
  return read_settings(KnownSettings({}, {&plugin, 1}), sources).json_for(*plugin.descriptor);
}

NotifyOutcome notify(const std::string& library_name, const std::string& setting = {}, const std::string& value = {}) {
  LoggedHost logged;
  const PluginLibrary library(plugin_file(library_name));
  const auto& plugin = library.plugins().front();
  NotifierInstance notifier(plugin, settings_of(plugin, setting, value), logged.host, nullptr, "test");
  punctual_event event{};
  event.struct_size = sizeof event;
  event.message = "It failed.";
  return notifier.notify(event);
}

std::string creation_refused(const std::string& library_name) {
  LoggedHost logged;
  const PluginLibrary library(plugin_file(library_name));
  const auto& plugin = library.plugins().front();
  const auto file = plugin.file.string();
  const auto line = message_of<PluginRefused>(
      [&] { PluginObject object(plugin, settings_of(plugin), logged.host.for_plugins(plugin.kind())); });
  REQUIRE(line.starts_with(file + ": "));
  return line.substr(file.size() + 2);
}

TEST_CASE("a create that throws is a refusal on one line") {
  CHECK(creation_refused("throwing_create") ==
        "plugin 'throwing' could not be created: create threw: create has\\nescaped");
}

TEST_CASE("a create that returns null is a refusal with its text, on one line and without its password") {
  CHECK(creation_refused("null_create") ==
        "plugin 'null-create' could not be created: cannot reach smtp://***@mail.example\\nno route");
}

TEST_CASE("a C++ plugin's exception at creation is its reason") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("transport"));
  const auto& plugin = library.plugins().front();
  const auto line = message_of<PluginRefused>([&] {
    PluginInstance<Transport> transport(plugin, settings_of(plugin, "silent.scheme", ""),
                                        logged.host.for_plugins(plugin.kind()));
  });
  CHECK(line == plugin.file.string() + ": plugin 'silent' could not be created: silent.scheme is empty");
}

TEST_CASE("a C++ plugin gets its settings and the host's metrics") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("transport"));
  const auto& plugin = library.plugins().front();
  const PluginInstance<Transport> transport(plugin, settings_of(plugin, "silent.scheme", "quiet"),
                                            logged.host.for_plugins(plugin.kind()));
  CHECK(transport->schemes() == std::vector<std::string>{"quiet"});
  CHECK(logged.metrics.text().find("punctual_silent_created_total 1") != std::string::npos);
}

TEST_CASE("an instance is destroyed once, by destroy or by its destructor") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("transport"));
  const auto& plugin = library.plugins().front();
  {
    PluginInstance<Transport> first(plugin, settings_of(plugin), logged.host.for_plugins(plugin.kind()));
    PluginInstance<Transport> second(std::move(first));
    second->drain(milliseconds{0});
    second.destroy();
    second.destroy();
  }
  const auto text = logged.written.str();
  const auto at = text.find("drained");
  REQUIRE(at != std::string::npos);
  CHECK(text.find("drained", at + 1) == std::string::npos);
}

TEST_CASE("a plugin of another kind is refused with both kinds") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("good_notifier"));
  const auto& plugin = library.plugins().front();
  const auto line = message_of<PluginRefused>(
      [&] { PluginInstance<Storage> storage(plugin, settings_of(plugin), logged.host.for_plugins(plugin.kind())); });
  CHECK(line == plugin.file.string() + ": plugin 'good-notifier' is a notifier, not a storage");
}

TEST_CASE("a notifier is given every declared setting with its JSON type") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("good_notifier"));
  const auto& plugin = library.plugins().front();
  const NotifierInstance notifier(plugin, settings_of(plugin), logged.host, nullptr, "test");
  CHECK(logged.written.str().find(
            R"({"good.text":"hello","good.count":3,"good.wait":30000,"good.to":["a","b"],"good.on":true})") !=
        std::string::npos);
}

TEST_CASE("a notifier is not given the C++ part of the host") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("good_notifier"));
  const auto& plugin = library.plugins().front();
  const NotifierInstance notifier(plugin, settings_of(plugin), logged.host, nullptr, "test");
  CHECK(logged.written.str().find("without C++") != std::string::npos);
}

TEST_CASE("a level that is not known is logged as an error") {
  LoggedHost logged;
  const auto& host = logged.host.for_plugins(PUNCTUAL_NOTIFIER);
  host.log(host.self, 99, "from afar");
  CHECK(logged.written.str().ends_with(" error from afar\n"));
}

TEST_CASE("a null text is not logged") {
  LoggedHost logged;
  const auto& host = logged.host.for_plugins(PUNCTUAL_NOTIFIER);
  host.log(host.self, PUNCTUAL_INFO, nullptr);
  CHECK(logged.written.str().empty());
}

TEST_CASE("a notifier that delivers is delivered") { CHECK(notify("good_notifier").result == NotifyResult::delivered); }

TEST_CASE("a notifier's failure comes with its text, on one line and without its password") {
  const auto outcome = notify("failing_notifier", "failing.answer", "1");
  CHECK(outcome.result == NotifyResult::retry_later);
  CHECK(outcome.error == "http://***@example.com\\nrefused");
}

TEST_CASE("a notifier may give up") {
  CHECK(notify("failing_notifier", "failing.answer", "2").result == NotifyResult::give_up);
}

TEST_CASE("an answer that is not in notifier.h is giving up") {
  const auto outcome = notify("failing_notifier", "failing.answer", "7");
  CHECK(outcome.result == NotifyResult::give_up);
  CHECK(outcome.error == "notify returned 7, expected 0 to 2");
}

TEST_CASE("a notifier that throws gives up") {
  const auto outcome = notify("throwing_notify");
  CHECK(outcome.result == NotifyResult::give_up);
  CHECK(outcome.error == "notify threw: notify has escaped");
}

TEST_CASE("a destroy that throws is reported by destroy") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("throwing_destroy"));
  const auto& plugin = library.plugins().front();
  PluginObject object(plugin, "{}", logged.host.for_plugins(plugin.kind()));
  CHECK(message_of<PluginRefused>([&] { object.destroy(); }) ==
        plugin.file.string() +
            ": plugin 'throwing' could not be destroyed: destroy threw: something that is not a std::exception");
}

TEST_CASE("a destroy that throws does not escape from the destructor") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("throwing_destroy"));
  const auto& plugin = library.plugins().front();
  { PluginObject object(plugin, "{}", logged.host.for_plugins(plugin.kind())); }
  SUCCEED();
}

}  // namespace
}  // namespace punctual
