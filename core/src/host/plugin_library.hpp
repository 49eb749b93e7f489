// One plugin library (.so): loaded, asked for its descriptors, and every descriptor checked before anything else in it is
// called. Main thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/errors.hpp"
#include "punctual/plugin.h"

namespace punctual {

// A library or plugin that the host will not use. what() is one line that begins with the file and, where two values do
// not agree, names both: "/x/bad.so: built for plugin ABI 7, this server has 1".
class PluginRefused : public Error {
 public:
  using Error::Error;
};

// A checked plugin of a loaded library. A value; the descriptor is valid as long as its library is loaded.
struct Plugin {
  const punctual_plugin* descriptor = nullptr;
  std::filesystem::path file;

  [[nodiscard]] std::string_view name() const { return descriptor->name; }
  [[nodiscard]] std::string_view version() const { return descriptor->version; }
  [[nodiscard]] punctual_plugin_kind kind() const { return static_cast<punctual_plugin_kind>(descriptor->kind); }
  [[nodiscard]] std::span<const punctual_setting> settings() const {
    return {descriptor->settings, descriptor->settings_count};
  }
  // Of a notifier: the whole names of the settings that no channel may set.
  [[nodiscard]] std::vector<std::string_view> server_settings() const;
};

// "storage", "transport", "frontend", "notifier".
[[nodiscard]] std::string_view kind_name(punctual_plugin_kind kind);

// The library is unloaded by the destructor, so instances of its plugins must be gone by then.
class PluginLibrary {
 public:
  // Loads `file` with all its symbols resolved, in local scope. Throws PluginRefused.
  explicit PluginLibrary(const std::filesystem::path& file);
  ~PluginLibrary();
  PluginLibrary(PluginLibrary&&) noexcept;
  PluginLibrary& operator=(PluginLibrary&&) noexcept;

  // Whether this process has the file loaded, through this class or otherwise.
  [[nodiscard]] static bool is_loaded(const std::filesystem::path& file);
  // A file that is loaded stays so until the process ends: somebody is still in its code.
  static void keep_loaded(const std::filesystem::path& file) noexcept;

  // Absolute.
  [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
  // In the order of the library's chain; at least one.
  [[nodiscard]] std::span<const Plugin> plugins() const noexcept { return plugins_; }

 private:
  class Handle;  // keeps Boost.DLL out of everybody's compile

  std::filesystem::path file_;
  std::unique_ptr<Handle> handle_;
  std::vector<Plugin> plugins_;
};

}  // namespace punctual
