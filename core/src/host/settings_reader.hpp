// Settings: which are known, where their values come from, and what holds in the end. Later wins: declared default, default
// overridden by the caller (--dev), TOML file, environment, command line. Main thread at start; EffectiveSettings may
// then be read from any thread.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/plugin_library.hpp"
#include "punctual/errors.hpp"
#include "punctual/host.hpp"
#include "punctual/plugin.h"

namespace punctual {

// what() is one line: where it came from, what is wrong, what is expected or which known name is near. Never a secret.
class SettingsError : public Error {
 public:
  using Error::Error;
};

// The settings of the core and of the loaded plugins. Refers to the declarations, which must stay valid.
class KnownSettings {
 public:
  // Throws PluginRefused when a plugin declares a setting that the core or another plugin declares with another type or
  // default. (The core's own must agree among themselves: std::logic_error.)
  KnownSettings(std::span<const punctual_setting> core, std::span<const Plugin> plugins);

  [[nodiscard]] const punctual_setting* find(std::string_view name) const;
  // The known name with the smallest edit distance, unless even that is quite another word.
  [[nodiscard]] std::optional<std::string_view> nearest(std::string_view name) const;
  // By name.
  [[nodiscard]] const std::map<std::string, const punctual_setting*, std::less<>>& all() const noexcept {
    return settings_;
  }

 private:
  std::map<std::string, const punctual_setting*, std::less<>> settings_;
};

// One value as text. `origin` is how the user will recognise it: "--listen", "--set", "--dev".
struct SettingText {
  std::string name;
  std::string value;
  std::string origin;
};

// "section.key=value". Throws SettingsError.
[[nodiscard]] SettingText parse_assignment(std::string_view text, std::string origin = "--set");

struct SettingsSources {
  std::vector<SettingText> defaults;                 // replace declared defaults, e.g. by --dev
  std::optional<std::filesystem::path> config_file;  // TOML
  std::map<std::string, std::string> environment;    // names as they are; those that are not ours are passed over
  std::vector<SettingText> command_line;             // in the order given; later wins
};

// The variables of this process that begin with PUNCTUAL_.
[[nodiscard]] std::map<std::string, std::string> punctual_environment();

class EffectiveSettings {
 public:
  struct Entry {
    const punctual_setting* setting = nullptr;
    boost::json::value value;  // in the form plugin.h gives for its type
    std::string origin;        // "default", "/etc/punctual.toml:12", "PUNCTUAL_HTTP__LISTEN", "--set", …
  };

  explicit EffectiveSettings(std::map<std::string, Entry, std::less<>> entries) : entries_(std::move(entries)) {}

  // What `create` of this plugin is handed.
  [[nodiscard]] std::string json_for(const punctual_plugin& plugin) const;
  [[nodiscard]] std::string json_for(std::span<const punctual_setting> settings) const;
  // Every known setting, the core's and the plugins', by its dotted name.
  [[nodiscard]] Settings all() const;
  [[nodiscard]] const std::map<std::string, Entry, std::less<>>& entries() const noexcept { return entries_; }

  // One line a setting, sorted by name, that is TOML again: `http.listen = "127.0.0.1:8080"  # --listen`. Secrets are
  // masked.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  std::map<std::string, Entry, std::less<>> entries_;
};

// Throws SettingsError for a file that cannot be read or is not TOML, an unknown name, or a value that is not of its
// type.
[[nodiscard]] EffectiveSettings read_settings(const KnownSettings& known, const SettingsSources& sources);

}  // namespace punctual
