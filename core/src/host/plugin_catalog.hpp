// All plugins of a folder. Its libraries stay loaded until the process ends, whatever becomes of the catalog: threads and
// static objects of a plugin may outlive everything the host knows of. Main thread only.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/plugin_library.hpp"

namespace punctual {

class PluginCatalog {
 public:
  // Loads every *.so of `folder` in the order of their names. A library that is refused does not stop the others: see
  // refusals(). Throws PluginRefused when the folder itself cannot be read.
  explicit PluginCatalog(const std::filesystem::path& folder);

  // <executable's folder>/../lib/punctual/plugins, normalised.
  [[nodiscard]] static std::filesystem::path default_folder();

  // In file order, then in the order of each library's chain.
  [[nodiscard]] std::span<const Plugin> plugins() const noexcept { return plugins_; }
  [[nodiscard]] std::vector<Plugin> of_kind(punctual_plugin_kind kind) const;
  // Null: there is none. Names are unique over all kinds. The pointer is valid as long as the catalog is.
  [[nodiscard]] const Plugin* find(punctual_plugin_kind kind, std::string_view name) const;

  // One line for each library that was refused, as PluginRefused::what().
  [[nodiscard]] std::span<const std::string> refusals() const noexcept { return refusals_; }
  // Throws PluginRefused with the first refusal, for callers that cannot live with one.
  void require_all() const;

 private:
  void add(const std::filesystem::path& file);

  std::vector<Plugin> plugins_;
  std::vector<std::string> refusals_;
};

}  // namespace punctual
