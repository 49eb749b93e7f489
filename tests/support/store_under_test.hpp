// The storage that a test runs on: the plugin named by PUNCTUAL_TEST_STORAGE_PLUGIN (a .so) and PUNCTUAL_TEST_STORAGE_KIND
// ("sqlite"), on a database of the test's own. One thread.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "host/plugin_instance.hpp"
#include "host/settings_reader.hpp"
#include "punctual/storage.hpp"
#include "support/test_host.hpp"

namespace punctual::testing {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "punctual-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// One database; open() gives instances of the plugin on it, as several processes would have them.
class StoreUnderTest {
 public:
  explicit StoreUnderTest(TestHost& host) : host_(host), library_(required("PUNCTUAL_TEST_STORAGE_PLUGIN")) {
    if (required("PUNCTUAL_TEST_STORAGE_KIND") != "sqlite") throw std::runtime_error("unknown storage kind");
    url_ = "sqlite://" + (folder_.path() / "store.db").string();
  }

  [[nodiscard]] const std::string& url() const { return url_; }

  [[nodiscard]] PluginInstance<Storage> open() {
    const Plugin& plugin = library_.plugins().front();
    const KnownSettings known({}, library_.plugins());
    SettingsSources sources;
    sources.command_line.push_back({"storage.url", url_, "test"});
    return {plugin, read_settings(known, sources).json_for(*plugin.descriptor), host_.for_plugins()};
  }

 private:
  static std::string required(const char* variable) {
    const char* value = std::getenv(variable);
    if (value == nullptr) throw std::runtime_error(std::string(variable) + " is not set");
    return value;
  }

  TestHost& host_;
  TempFolder folder_;
  PluginLibrary library_;
  std::string url_;
};

}  // namespace punctual::testing
