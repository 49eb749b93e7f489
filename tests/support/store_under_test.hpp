// The storage that a test runs on: the plugin named by PUNCTUAL_TEST_STORAGE_PLUGIN (a .so) and PUNCTUAL_TEST_STORAGE_KIND
// ("sqlite" or "postgres"), on a database of the test's own. One thread.
#pragma once

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include "host/plugin_instance.hpp"
#include "host/settings_reader.hpp"
#include "punctual/storage.hpp"
#include "support/fresh_storage.hpp"
#include "support/test_host.hpp"

namespace punctual::testing {

// One database; open() gives instances of the plugin on it, as several processes would have them.
class StoreUnderTest {
 public:
  // Made ready by `prepare`, as FreshStorage has it.
  StoreUnderTest(TestHost& host, const std::function<void(Storage&)>& prepare)
      : host_(host), database_(plugin_file(), [&](const std::string& place) { prepare(*open(place)); }) {}

  [[nodiscard]] const std::string& url() const { return database_.url(); }

  // Whether more than one instance may hold a lease at the same time.
  [[nodiscard]] bool allows_several_servers() const noexcept { return database_.allows_several_servers(); }

  // For what lies outside of the plugin's interface.
  [[nodiscard]] const FreshStorage& database() const noexcept { return database_; }

  [[nodiscard]] PluginInstance<Storage> open() const { return open(url()); }

 private:
  [[nodiscard]] PluginInstance<Storage> open(const std::string& place) const {
    const Plugin& plugin = library().plugins().front();
    const KnownSettings known({}, library().plugins());
    SettingsSources sources;
    sources.command_line.push_back({"storage.url", place, "test"});
    return {plugin, read_settings(known, sources).json_for(*plugin.descriptor), host_.for_plugins()};
  }

  // Never unloaded, as the server never does: an exception that the plugin throws through a case is read after this is gone.
  static const PluginLibrary& library() {
    static const auto& loaded = *new PluginLibrary(plugin_file());
    return loaded;
  }

  static std::string plugin_file() {
    const char* file = std::getenv("PUNCTUAL_TEST_STORAGE_PLUGIN");
    if (file == nullptr) throw std::runtime_error("PUNCTUAL_TEST_STORAGE_PLUGIN names no plugin");
    return file;
  }

  TestHost& host_;
  FreshStorage database_;
};

}  // namespace punctual::testing
