// A storage plugin, loaded as the host does it: one symbol, instances made from settings.
#pragma once

#include <memory>
#include <string>

#include "punctual/plugin.hpp"
#include "support/test_host.hpp"

namespace punctual::testing {

class PluginLibrary {
 public:
  // Loads the file that PUNCTUAL_TEST_STORAGE_PLUGIN names; the library stays loaded until the process ends.
  PluginLibrary();

  struct Destroy {
    const punctual_plugin* plugin = nullptr;
    void operator()(Storage* store) const { plugin->destroy(store); }
  };
  using Instance = std::unique_ptr<Storage, Destroy>;

  // With every setting but the url at its default. Throws std::runtime_error with the plugin's text.
  [[nodiscard]] Instance create(const std::string& url, TestHost& host) const;

 private:
  const punctual_plugin* plugin_ = nullptr;
};

}  // namespace punctual::testing
