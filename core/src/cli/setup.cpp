#include "cli/setup.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "cli/core_settings.hpp"

namespace punctual {
namespace {

std::string scheme_of(std::string_view url) {
  const auto colon = url.find(':');
  std::string scheme(url.substr(0, colon == std::string_view::npos ? 0 : colon));
  for (char& c : scheme) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const bool plain =
      std::ranges::all_of(scheme, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  if (scheme.empty() || !plain) {
    throw SettingsError(
        "storage.url must begin with a scheme, as in sqlite:punctual.db or postgresql://user@host/database");
  }
  return scheme;
}

}  // namespace

std::filesystem::path plugin_folder(const CommonOptions& common) {
  return common.plugins ? std::filesystem::path(*common.plugins) : PluginCatalog::default_folder();
}

std::vector<SettingText> assignments(const CommonOptions& common, std::vector<SettingText> options) {
  std::vector<SettingText> all = std::move(options);
  if (common.storage) all.push_back({"storage.url", *common.storage, "--storage"});
  for (const std::string& text : common.set) all.push_back(parse_assignment(text));
  return all;
}

Setup load_setup(const CommonOptions& common, const CommandSettings& own) {
  SettingsSources sources;
  sources.defaults = own.defaults;
  if (common.config) sources.config_file = *common.config;
  sources.environment = punctual_environment();
  sources.command_line = assignments(common, own.options);

  PluginCatalog catalog(plugin_folder(common));
  catalog.require_all();
  const KnownSettings known(core_settings(), catalog.plugins());
  return {std::move(catalog), read_settings(known, sources)};
}

std::string loaded_names(const PluginCatalog& catalog, punctual_plugin_kind kind) {
  std::string out;
  for (const Plugin& plugin : catalog.of_kind(kind)) out.append(out.empty() ? "" : ", ").append(plugin.name());
  return out.empty() ? "none" : out;
}

const Plugin& choose_storage(const PluginCatalog& catalog, std::string_view url) {
  const std::string scheme = scheme_of(url);
  const std::string name = "storage-" + (scheme == "postgresql" ? "postgres" : scheme);
  if (const Plugin* plugin = catalog.find(PUNCTUAL_STORAGE, name)) return *plugin;
  throw Error("storage.url '" + scheme + ":' needs the plugin '" + name +
              "', which is not there; storage plugins loaded: " + loaded_names(catalog, PUNCTUAL_STORAGE));
}

}  // namespace punctual
