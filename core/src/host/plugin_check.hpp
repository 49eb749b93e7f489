// What `punctual plugin list` and `punctual plugin check` do and say. Main thread only.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/notifiers.hpp"
#include "host/plugin_catalog.hpp"
#include "host/process_host.hpp"
#include "host/settings_reader.hpp"

namespace punctual {

struct PluginReport {
  std::vector<std::string> lines;  // for standard output, in order
  std::string failure;             // one line for standard error; empty when all is well
  // A call into the plugin is still under way: the process must end without destroying anything that plugins use.
  bool hangs = false;
  [[nodiscard]] bool passed() const noexcept { return failure.empty(); }
};

// One line a plugin: name, kind, version, file. `failure` is the first refusal of the catalog, `lines` has the others.
[[nodiscard]] PluginReport list_plugins(const PluginCatalog& catalog);

// Loads `file`, checks every plugin in it, makes an instance of each with its default settings, tries notifiers
// (notifier_check.hpp), destroys the instance, unloads the library and loads it once more; one line for each thing done, and it
// ends at the first that fails. Never throws because of the plugin. `settings` replace defaults by name. A storage plugin whose
// storage.url is a SQLite file by default, and is not given, gets one in a temporary folder. A notifier sends its requests
// through http.so of `plugin_folder`, when it is there, is told of `events`, and has notify.timeout for each call. `say` is given
// each line when it is done.
[[nodiscard]] PluginReport check_plugin(const std::filesystem::path& file, const std::filesystem::path& plugin_folder,
                                        std::span<const SettingText> settings, const std::vector<NotifierEvent>& events,
                                        ProcessHost& host, const std::function<void(const std::string&)>& say = {});

}  // namespace punctual
