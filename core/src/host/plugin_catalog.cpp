#include "host/plugin_catalog.hpp"

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <system_error>

#include "host/masking.hpp"

namespace punctual {
namespace {

// Never destroyed, so that nothing is unloaded at exit while code in it may still run.
void keep_open(PluginLibrary library) {
  static auto& libraries = *new std::vector<PluginLibrary>;
  libraries.push_back(std::move(library));
}

std::vector<std::filesystem::path> libraries_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == ".so") files.push_back(at->path());
  }
  if (failed) {
    throw PluginRefused(one_line(folder.string()) + ": the plugin folder cannot be read: " + failed.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

PluginCatalog::PluginCatalog(const std::filesystem::path& folder) {
  for (const auto& file : libraries_in(folder)) {
    try {
      add(file);
    } catch (const PluginRefused& refusal) {
      refusals_.emplace_back(refusal.what());
    }
  }
}

std::filesystem::path PluginCatalog::default_folder() {
  return (boost::dll::program_location().parent_path() / "../lib/punctual/plugins").lexically_normal();
}

void PluginCatalog::add(const std::filesystem::path& file) {
  PluginLibrary library(file);
  for (const auto& plugin : library.plugins()) {
    for (const auto& other : plugins_) {
      if (other.name() != plugin.name()) continue;
      throw PluginRefused(one_line(library.file().string() + ": plugin '" + std::string(plugin.name()) +
                                   "' is loaded already, from " + other.file.string()));
    }
  }
  plugins_.insert(plugins_.end(), library.plugins().begin(), library.plugins().end());
  keep_open(std::move(library));
}

std::vector<Plugin> PluginCatalog::of_kind(punctual_plugin_kind kind) const {
  std::vector<Plugin> found;
  std::copy_if(plugins_.begin(), plugins_.end(), std::back_inserter(found),
               [&](const Plugin& plugin) { return plugin.kind() == kind; });
  return found;
}

const Plugin* PluginCatalog::find(punctual_plugin_kind kind, std::string_view name) const {
  const auto found = std::find_if(plugins_.begin(), plugins_.end(),
                                  [&](const Plugin& plugin) { return plugin.kind() == kind && plugin.name() == name; });
  return found == plugins_.end() ? nullptr : &*found;
}

void PluginCatalog::require_all() const {
  if (!refusals_.empty()) throw PluginRefused(refusals_.front());
}

}  // namespace punctual
