#include "host/plugin_instance.hpp"

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <thread>

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

TEST_CASE("a level that is not known is logged as an error, a null text not at all") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("good_notifier"));
  const auto& plugin = library.plugins().front();
  const InstanceHost host(plugin, settings_of(plugin), logged.host, nullptr, "test");
  const auto& c_host = host.for_plugin();
  c_host.log(c_host.self, PUNCTUAL_INFO, nullptr);
  CHECK(logged.written.str().empty());
  c_host.log(c_host.self, 99, "from afar");
  CHECK(logged.written.str().ends_with(" error test: from afar\n"));
}

TEST_CASE("a notifier asks for its settings as texts, by whole or short name") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("good_notifier"));
  const auto& plugin = library.plugins().front();
  const InstanceHost host(plugin, settings_of(plugin, "good.wait", "250ms"), logged.host, nullptr, "test");
  const auto& c_host = host.for_plugin();
  const auto text = [&](const char* name) { return std::string(c_host.setting(c_host.self, name)); };
  CHECK(text("good.text") == "hello");
  CHECK(text("text") == "hello");
  CHECK(text("count") == "3");
  CHECK(text("good.wait") == "250");
  CHECK(text("to") == "a,b");
  CHECK(text("on") == "true");
  CHECK(c_host.setting(c_host.self, "colour") == nullptr);
  CHECK(c_host.setting(c_host.self, "good.colour") == nullptr);
  CHECK(c_host.setting(c_host.self, nullptr) == nullptr);
}

// What notifier-scripted answers, with its log.
struct Scripted {
  explicit Scripted(const std::vector<SettingText>& given, PluginHttp* http = nullptr) {
    const auto& plugin = library.plugins().front();
    SettingsSources sources;
    sources.command_line = given;
    const auto json = read_settings(KnownSettings({}, {&plugin, 1}), sources).json_for(*plugin.descriptor);
    notifier.emplace(plugin, json, logged.host, http, "scripted/ops");
  }
  // Of the test, as far as notifier-scripted looks at it.
  NotifyOutcome notify() {
    punctual_event event{};
    event.struct_size = sizeof event;
    event.json = "{}";
    return notifier->notify(event);
  }

  LoggedHost logged;
  PluginLibrary library{plugin_file("notifier_scripted")};
  std::optional<NotifierInstance> notifier;
};

TEST_CASE("what a notifier logs is labelled and does not tell its secrets") {
  Scripted scripted({{"scripted.behaviour", "log", ""},
                     {"scripted.text", "it is open-sesame", ""},
                     {"scripted.token", "open-sesame", ""}});
  (void)scripted.notify();
  CHECK(scripted.logged.written.str().ends_with(" info  scripted/ops: it is ***\n"));
}

TEST_CASE("what a notifier says of a failure does not tell its secrets") {
  const std::string behaviour = GENERATE("retry", "give-up");
  Scripted scripted({{"scripted.behaviour", behaviour, ""},
                     {"scripted.text", "it is open-sesame", ""},
                     {"scripted.token", "open-sesame", ""}});
  CHECK(scripted.notify().error == "it is ***");
}

TEST_CASE("what a notifier says when it is not created does not tell its secrets") {
  const auto line = message_of<PluginRefused>([] {
    Scripted({{"scripted.behaviour", "create-refuse", ""},
              {"scripted.text", "it is open-sesame", ""},
              {"scripted.token", "open-sesame", ""}});
  });
  CHECK(line.ends_with("plugin 'notifier-scripted' could not be created: it is ***"));
}

TEST_CASE("an exception through the C boundary is giving up, whatever is thrown") {
  CHECK(Scripted({{"scripted.behaviour", "throw", ""}}).notify().error == "notify threw: the script throws");
  CHECK(Scripted({{"scripted.behaviour", "throw-number", ""}}).notify().error ==
        "notify threw: something that is not a std::exception");
}

// Whether `call` came to its end on a thread of its own, which it may end itself.
bool returns(const std::function<void()>& call) {
  std::atomic<bool> returned{false};
  std::thread([&] {
    call();
    returned = true;
  }).join();
  return returned;
}

TEST_CASE("a notifier that ends its thread ends that alone") {
  Scripted scripted({{"scripted.behaviour", "end-thread", ""}});
  CHECK_FALSE(returns([&] { (void)scripted.notify(); }));
  CHECK_FALSE(returns([] { Scripted({{"scripted.behaviour", "create-end-thread", ""}}); }));
  Scripted ending({{"scripted.behaviour", "destroy-end-thread", ""}});
  CHECK_FALSE(returns([&] { ending.notifier->destroy(); }));
}

TEST_CASE("a thread that a notifier has cancelled goes on") {
  Scripted scripted({{"scripted.behaviour", "cancel-thread", ""}});
  CHECK(returns([&] {
    (void)scripted.notify();
    pthread_testcancel();
  }));
}

// The plugin of today's headers, or of the first ones, with an event of that size.
std::string logged_by(const std::string& library_name, std::size_t event_size) {
  LoggedHost logged;
  const PluginLibrary library(plugin_file(library_name));
  const auto& plugin = library.plugins().front();
  NotifierInstance notifier(plugin, settings_of(plugin), logged.host, nullptr, "test");
  punctual_event event{};
  event.struct_size = static_cast<std::uint32_t>(event_size);
  event.id = "id";
  event.kind = "task.failed";
  event.organization = "acme";
  event.task_id = "task";
  event.task_name = "Nightly";
  event.task_url = "https://example.com";
  event.execution_id = "execution";
  event.message = "It failed.";
  event.occurred_at_ms = 12;
  event.json = "{}";
  if (event_size == sizeof event) {
    event.channel = "ops";
    event.subject = "Nightly";
    event.count = 3;
    event.attempt = 2;
  } else {
    // Memory that is not the event's.
    std::memset(reinterpret_cast<char*>(&event) + event_size, 0x5a, sizeof event - event_size);
  }
  CHECK(notifier.notify(event).result == NotifyResult::delivered);
  const auto text = logged.written.str();
  return text.substr(text.rfind("test: ") + 6);
}

constexpr std::size_t first_event_size = offsetof(punctual_event, json) + sizeof(punctual_event::json);

TEST_CASE("a notifier built with the first headers takes the events of a server that has grown") {
  CHECK(logged_by("notifier_first", sizeof(punctual_event)) ==
        "id|task.failed|acme|Nightly|https://example.com|execution|It failed.|12|{}\n");
}

TEST_CASE("a notifier of today reads nothing that an older server's event does not have") {
  CHECK(logged_by("notifier_kit", first_event_size) == "task.failed|It failed.|||1|0\n");
  CHECK(logged_by("notifier_kit", sizeof(punctual_event)) == "task.failed|It failed.|ops|Nightly|3|2\n");
}

NotifyOutcome notify_kit(const char* message) {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("notifier_kit"));
  const auto& plugin = library.plugins().front();
  NotifierInstance notifier(plugin, settings_of(plugin), logged.host, nullptr, "test");
  punctual_event event{};
  event.struct_size = first_event_size;
  event.kind = "test";
  event.message = message;
  event.json = "{}";
  return notifier.notify(event);
}

TEST_CASE("exceptions of a C++ class are its answers") {
  CHECK(notify_kit("fine").result == NotifyResult::delivered);
  const auto failed = notify_kit("fail");
  CHECK(failed.result == NotifyResult::retry_later);
  CHECK(failed.error == "not now");
  const auto given_up = notify_kit("give up");
  CHECK(given_up.result == NotifyResult::give_up);
  CHECK(given_up.error == "no use");
  CHECK(notify_kit("bad header").error == "the header X-Name has a line break");
}

TEST_CASE("a C++ class reads its settings as what they are") {
  LoggedHost logged;
  const PluginLibrary library(plugin_file("notifier_kit"));
  const auto& plugin = library.plugins().front();
  const NotifierInstance notifier(plugin, settings_of(plugin), logged.host, nullptr, "test");
  CHECK(logged.written.str().ends_with(" debug test: <a><b>3 loud 2000\n"));
}

TEST_CASE("a C++ class that cannot be made says why") {
  const auto [url, reason] = GENERATE(table<std::string, std::string>(
      {{"refused", "kit.url is refused"}, {"undeclared", "setting 'colour' was not declared"}}));
  LoggedHost logged;
  const PluginLibrary library(plugin_file("notifier_kit"));
  const auto& plugin = library.plugins().front();
  const auto json = settings_of(plugin, "kit.url", url);
  const auto line =
      message_of<PluginRefused>([&] { NotifierInstance notifier(plugin, json, logged.host, nullptr, "test"); });
  CHECK(line.ends_with("could not be created: " + reason));
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
