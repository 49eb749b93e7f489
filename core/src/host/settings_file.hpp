// A TOML file of settings as a flat list. Main thread only.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace punctual {

struct FileSetting {
  std::string name;                         // nested tables joined by dots
  std::optional<boost::json::value> value;  // string, integer, boolean or array of strings; nullopt: anything else
  std::string text;                         // as TOML writes it, for messages
  std::string origin;                       // "/etc/punctual.toml:12"
};

// In the order of names. Throws SettingsError for a file that cannot be read or is not TOML.
[[nodiscard]] std::vector<FileSetting> read_settings_file(const std::filesystem::path& file);

}  // namespace punctual
