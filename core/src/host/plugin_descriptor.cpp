#include "host/plugin_descriptor.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <string>

#include "host/masking.hpp"
#include "host/setting_value.hpp"
#include "punctual/notifier.h"
#include "punctual/plugin.hpp"

namespace punctual {
namespace {

// Bounds that no honest library reaches; beyond them lies memory that is not a descriptor.
constexpr std::size_t most_plugins = 64;
constexpr std::size_t most_settings = 1000;
constexpr std::uint32_t largest_struct = 4096;

// What notifiers of the first version have; their structs have grown since, and will.
constexpr std::uint32_t first_plugin_size = offsetof(punctual_plugin, next) + sizeof(void*);
constexpr std::uint32_t first_notifier_size =
    offsetof(punctual_notifier_v1, notify) + sizeof(punctual_notifier_v1::notify);

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& reason) {
  throw PluginRefused(one_line(file.string() + ": " + reason));
}

std::string quoted(std::string_view text) { return std::string(1, '\'').append(text).append(1, '\''); }

bool is_plugin_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

void check_layout(const std::filesystem::path& file, const punctual_plugin& plugin) {
  // Sizes may differ because ABIs do, and then the ABI is what the reader wants to know.
  if (plugin.struct_size >= offsetof(punctual_plugin, abi) + sizeof plugin.abi && plugin.abi != PUNCTUAL_PLUGIN_ABI) {
    refuse(file, "built for plugin ABI " + std::to_string(plugin.abi) + ", this server has " +
                     std::to_string(PUNCTUAL_PLUGIN_ABI));
  }
  const bool has_kind = plugin.struct_size >= offsetof(punctual_plugin, kind) + sizeof plugin.kind;
  if (has_kind && plugin.kind == PUNCTUAL_NOTIFIER) {
    if (plugin.struct_size >= first_plugin_size && plugin.struct_size <= largest_struct) return;
    refuse(file, "its plugin descriptor has " + std::to_string(plugin.struct_size) +
                     " bytes, this server expects at least " + std::to_string(first_plugin_size));
  }
  if (plugin.struct_size != sizeof(punctual_plugin)) {
    refuse(file, "its plugin descriptor has " + std::to_string(plugin.struct_size) + " bytes, this server expects " +
                     std::to_string(sizeof(punctual_plugin)));
  }
}

void check_setting(const std::filesystem::path& file, const std::string& who, const punctual_setting& setting,
                   std::set<std::string_view>& seen) {
  if (setting.name == nullptr || !is_setting_name(setting.name)) {
    refuse(file, who + " declares a setting named " + quoted(setting.name == nullptr ? "" : setting.name) +
                     ", expected a dotted lower-case name such as 'section.key'");
  }
  const std::string what = who + ", setting " + quoted(setting.name);
  if (!seen.insert(setting.name).second) refuse(file, what + ": declared twice");
  if (!is_setting_type(setting.type)) {
    refuse(file, what + ": has type " + std::to_string(setting.type) + ", this server knows " +
                     std::to_string(PUNCTUAL_STRING) + " to " + std::to_string(PUNCTUAL_STRING_LIST));
  }
  if (setting.default_value == nullptr) refuse(file, what + ": has no default");
  if (setting.help == nullptr) refuse(file, what + ": has no help text");
  const auto type = static_cast<punctual_setting_type>(setting.type);
  if (!parse_setting(type, setting.default_value)) {
    refuse(file,
           what + ": default is " + quoted(setting.default_value) + ", expected " + std::string(expected_form(type)));
  }
}

void check_settings(const std::filesystem::path& file, const std::string& who, const punctual_plugin& plugin) {
  if (plugin.settings_count > most_settings) {
    refuse(file, who + " declares " + std::to_string(plugin.settings_count) + " settings, this server takes at most " +
                     std::to_string(most_settings));
  }
  if (plugin.settings_count > 0 && plugin.settings == nullptr) {
    refuse(file, who + " declares " + std::to_string(plugin.settings_count) + " settings, but gives none");
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < plugin.settings_count; ++i) check_setting(file, who, plugin.settings[i], seen);
}

void check_cxx_abi(const std::filesystem::path& file, const std::string& who, const punctual_plugin& plugin) {
  const std::string_view tag = plugin.cxx_abi_tag == nullptr ? "" : plugin.cxx_abi_tag;
  if (tag == PUNCTUAL_CXX_ABI_TAG) return;
  refuse(file, who + " has C++ ABI '" + std::string(tag) + "', this server has '" PUNCTUAL_CXX_ABI_TAG "'");
}

void check_server_settings(const std::filesystem::path& file, const std::string& who, const punctual_plugin& plugin,
                           const char* const* names) {
  if (names == nullptr) return;
  const std::span settings(plugin.settings, plugin.settings_count);
  for (std::size_t i = 0; names[i] != nullptr; ++i) {
    const std::string_view name = names[i];
    const bool declared =
        std::any_of(settings.begin(), settings.end(), [&](const auto& setting) { return name == setting.name; });
    if (!declared) refuse(file, who + " keeps setting " + quoted(name) + " to the server, but does not declare it");
    if (i == most_settings) refuse(file, who + ": its list of server settings does not end");
  }
}

void check_notifier(const std::filesystem::path& file, const std::string& who, const punctual_plugin& plugin) {
  const auto* operations = static_cast<const punctual_notifier_v1*>(plugin.operations);
  if (operations == nullptr) refuse(file, who + " is a notifier without operations");
  if (operations->struct_size < first_notifier_size || operations->struct_size > largest_struct) {
    refuse(file, who + ": its notifier operations have " + std::to_string(operations->struct_size) +
                     " bytes, this server expects at least " + std::to_string(first_notifier_size));
  }
  if (operations->notify == nullptr) refuse(file, who + " is a notifier without notify");
  if (PUNCTUAL_HAS(operations, server_settings)) check_server_settings(file, who, plugin, operations->server_settings);
}

void check_descriptor(const std::filesystem::path& file, const punctual_plugin& plugin) {
  check_layout(file, plugin);
  if (plugin.name == nullptr || *plugin.name == '\0') refuse(file, "its plugin has no name");
  const std::string who = "plugin " + quoted(plugin.name);
  if (!is_plugin_name(plugin.name)) {
    refuse(file, who + ": a name has lower-case letters, digits, '-', '_' and '.' only");
  }
  if (plugin.kind < PUNCTUAL_STORAGE || plugin.kind > PUNCTUAL_NOTIFIER) {
    refuse(file, who + " is of kind " + std::to_string(plugin.kind) + ", this server knows " +
                     std::to_string(PUNCTUAL_STORAGE) + " to " + std::to_string(PUNCTUAL_NOTIFIER));
  }
  if (plugin.kind != PUNCTUAL_NOTIFIER) check_cxx_abi(file, who, plugin);
  if (plugin.version == nullptr) refuse(file, who + " has no version");
  if (plugin.create == nullptr) refuse(file, who + " has no create");
  if (plugin.destroy == nullptr) refuse(file, who + " has no destroy");
  check_settings(file, who, plugin);
  if (plugin.kind == PUNCTUAL_NOTIFIER) check_notifier(file, who, plugin);
}

}  // namespace

std::vector<Plugin> check_descriptors(const std::filesystem::path& file, const punctual_plugin* first) {
  std::vector<Plugin> plugins;
  for (const auto* plugin = first; plugin != nullptr; plugin = plugin->next) {
    if (plugins.size() == most_plugins) {
      refuse(file, "its chain of plugins is longer than " + std::to_string(most_plugins));
    }
    check_descriptor(file, *plugin);
    for (const auto& other : plugins) {
      if (other.name() == plugin->name) refuse(file, "it has two plugins named " + quoted(plugin->name));
    }
    plugins.push_back({plugin, file});
  }
  return plugins;
}

}  // namespace punctual
