// What `punctual plugin list` and `punctual plugin check` do and say. Main thread only.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "host/plugin_catalog.hpp"
#include "host/process_host.hpp"
#include "host/settings_reader.hpp"

namespace punctual {

struct PluginReport {
  std::vector<std::string> lines;  // for standard output, in order
  std::string failure;             // one line for standard error; empty when all is well
  [[nodiscard]] bool passed() const noexcept { return failure.empty(); }
};

// One line a plugin: name, kind, version, file. `failure` is the first refusal of the catalog, `lines` has the others.
[[nodiscard]] PluginReport list_plugins(const PluginCatalog& catalog);

// Loads `file`, checks every plugin in it, makes an instance of each with its default settings, sends a notifier a sample
// event, destroys the instance, unloads the library and loads it once more; one line for each thing done, and it ends at the
// first that fails. Never throws because of the plugin. `settings` replace defaults by name. A storage plugin whose
// storage.url is a SQLite file by default, and is not given, gets one in a temporary folder.
[[nodiscard]] PluginReport check_plugin(const std::filesystem::path& file, std::span<const SettingText> settings,
                                        ProcessHost& host);

}  // namespace punctual
