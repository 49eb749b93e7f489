// What every command that touches the store begins with: the plugins, loaded, and the settings, read. Main thread only.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"
#include "host/plugin_catalog.hpp"
#include "host/settings_reader.hpp"

namespace punctual {

struct Setup {
  PluginCatalog catalog;
  EffectiveSettings settings;
};

// Values that the command itself gives: `defaults` are weaker than all the user wrote, `options` stand for options of its own
// such as --listen.
struct CommandSettings {
  std::vector<SettingText> defaults;
  std::vector<SettingText> options;
};

// Throws PluginRefused when any library of the folder is refused, SettingsError when a setting is wrong.
[[nodiscard]] Setup load_setup(const CommonOptions& common, const CommandSettings& own);

[[nodiscard]] std::filesystem::path plugin_folder(const CommonOptions& common);

// --storage and --set (and `options`) as settings, in the order in which later ones win.
[[nodiscard]] std::vector<SettingText> assignments(const CommonOptions& common, std::vector<SettingText> options = {});

// The plugins of this kind that are loaded, for people: "storage-postgres, storage-sqlite", or "none".
[[nodiscard]] std::string loaded_names(const PluginCatalog& catalog, punctual_plugin_kind kind);

// The storage plugin for a storage.url: "storage-" and its scheme. Throws SettingsError for a text without a scheme, and
// Error, with a list of what there is, when no such plugin is loaded. Only the scheme of the URL gets into the text.
[[nodiscard]] const Plugin& choose_storage(const PluginCatalog& catalog, std::string_view url);

}  // namespace punctual
