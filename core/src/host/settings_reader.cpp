#include "host/settings_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "host/masking.hpp"
#include "host/setting_names.hpp"
#include "host/setting_value.hpp"
#include "host/settings_file.hpp"

namespace punctual {
namespace {

constexpr std::string_view environment_prefix = "PUNCTUAL_";
constexpr std::string_view environment_dot = "__";

[[noreturn]] void fail(const std::string& origin, const std::string& problem) {
  throw SettingsError(one_line(mask_secrets(origin + ": " + problem)));
}

punctual_setting_type type_of(const punctual_setting& setting) {
  return static_cast<punctual_setting_type>(setting.type);
}

std::string declared_as(const punctual_setting& setting) {
  return "'" + std::string(setting.default_value) + "' (" + std::string(expected_form(type_of(setting))) + ")";
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::string name_from_environment(std::string_view variable) {
  std::string name(variable.substr(environment_prefix.size()));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  return replaced(name, environment_dot, ".");
}

std::string name_in_environment(std::string_view setting) {
  std::string name = replaced(std::string(setting), ".", environment_dot);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  return std::string(environment_prefix) + name;
}

// nullopt: not of that type. TOML has integers and booleans of its own, so a text is none.
std::optional<boost::json::value> from_file(punctual_setting_type type, const FileSetting& setting) {
  const bool is_own_type = type == PUNCTUAL_INTEGER || type == PUNCTUAL_BOOLEAN;
  if (!setting.value || (is_own_type && setting.value->is_string())) return std::nullopt;
  return read_setting(type, *setting.value);
}

// Puts the values of one source after another over the defaults.
class Merge {
 public:
  explicit Merge(const KnownSettings& known) : known_(known) {
    for (const auto& [name, setting] : known.all()) {
      auto value =
          is_setting_type(setting->type) ? parse_setting(type_of(*setting), setting->default_value) : std::nullopt;
      if (!value) throw std::logic_error("the default of setting '" + name + "' is not of its type");
      entries_[name] = {setting, std::move(*value), "default"};
    }
  }

  void take(const SettingText& text) {
    auto& entry = entry_for(text.name, text.origin);
    set(entry, parse_setting(type_of(*entry.setting), text.value), "'" + text.value + "'", text.origin);
  }

  void take(const FileSetting& setting) {
    auto& entry = entry_for(setting.name, setting.origin);
    set(entry, from_file(type_of(*entry.setting), setting), setting.text, setting.origin);
  }

  void take_variable(const std::string& variable, const std::string& value) {
    if (!variable.starts_with(environment_prefix) || variable.find(environment_dot) == std::string::npos) return;
    const auto name = name_from_environment(variable);
    if (known_.find(name) == nullptr) {
      const auto near = known_.nearest(name);
      fail(variable, "unknown setting '" + name + "'" +
                         (near ? "; did you mean " + name_in_environment(*near) + "?" : std::string()));
    }
    take(SettingText{name, value, variable});
  }

  [[nodiscard]] EffectiveSettings result() && { return EffectiveSettings(std::move(entries_)); }

 private:
  EffectiveSettings::Entry& entry_for(const std::string& name, const std::string& origin) {
    const auto found = entries_.find(name);
    if (found != entries_.end()) return found->second;
    const auto near = known_.nearest(name);
    fail(origin,
         "unknown setting '" + name + "'" + (near ? "; did you mean '" + std::string(*near) + "'?" : std::string()));
  }

  static void set(EffectiveSettings::Entry& entry, std::optional<boost::json::value> value, const std::string& shown,
                  const std::string& origin) {
    const std::string_view name = entry.setting->name;
    if (!value) {
      fail(origin, std::string(name) + " is " + (is_secret_name(name) ? "(hidden)" : shown) + ", expected " +
                       std::string(expected_form(type_of(*entry.setting))));
    }
    entry.value = std::move(*value);
    entry.origin = origin;
  }

  const KnownSettings& known_;
  std::map<std::string, EffectiveSettings::Entry, std::less<>> entries_;
};

std::string as_toml(const EffectiveSettings::Entry& entry) {
  if (is_secret_name(entry.setting->name)) return "\"***\"";
  if (entry.setting->type == PUNCTUAL_DURATION) {
    return boost::json::serialize(boost::json::value(format_duration(milliseconds{entry.value.as_int64()})));
  }
  return one_line(mask_secrets(boost::json::serialize(entry.value)));
}

}  // namespace

KnownSettings::KnownSettings(std::span<const punctual_setting> core, std::span<const Plugin> plugins) {
  const auto agree = [](const punctual_setting& a, const punctual_setting& b) {
    return a.type == b.type && std::string_view(a.default_value) == b.default_value;
  };
  std::map<std::string_view, std::string> owners;
  for (const auto& setting : core) {
    const auto [known, added] = settings_.emplace(setting.name, &setting);
    if (!added && !agree(*known->second, setting)) {
      throw std::logic_error("setting '" + known->first + "' is declared twice and differently");
    }
    owners.emplace(setting.name, "the server");
  }
  for (const auto& plugin : plugins) {
    for (const auto& setting : plugin.settings()) {
      const auto [known, added] = settings_.emplace(setting.name, &setting);
      if (!added && !agree(*known->second, setting)) {
        throw PluginRefused(one_line(plugin.file.string() + ": plugin '" + std::string(plugin.name()) +
                                     "' declares setting '" + known->first + "' with default " + declared_as(setting) +
                                     ", but " + owners.at(setting.name) + " declares it with default " +
                                     declared_as(*known->second)));
      }
      owners.emplace(setting.name, "plugin '" + std::string(plugin.name()) + "'");
    }
  }
}

const punctual_setting* KnownSettings::find(std::string_view name) const {
  const auto found = settings_.find(name);
  return found == settings_.end() ? nullptr : found->second;
}

std::optional<std::string_view> KnownSettings::nearest(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const auto& [known, setting] : settings_) names.emplace_back(known);
  return nearest_name(name, names);
}

SettingText parse_assignment(std::string_view text, std::string origin) {
  const auto equals = text.find('=');
  const auto name = text.substr(0, equals);
  // What stands there instead may be a secret, so it is not repeated.
  if (equals == std::string_view::npos || name.empty()) fail(origin, "expected section.key=value");
  return {std::string(name), std::string(text.substr(equals + 1)), std::move(origin)};
}

std::map<std::string, std::string> punctual_environment() {
  std::map<std::string, std::string> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry = *at;
    const auto equals = entry.find('=');
    if (!entry.starts_with(environment_prefix) || equals == std::string_view::npos) continue;
    out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

std::string EffectiveSettings::json_for(const punctual_plugin& plugin) const {
  return json_for({plugin.settings, plugin.settings_count});
}

std::string EffectiveSettings::json_for(std::span<const punctual_setting> settings) const {
  boost::json::object out;
  for (const auto& setting : settings) {
    const auto found = entries_.find(std::string_view(setting.name));
    if (found == entries_.end()) throw std::logic_error("setting '" + std::string(setting.name) + "' was not read");
    out[setting.name] = found->second.value;
  }
  return boost::json::serialize(out);
}

Settings EffectiveSettings::all() const {
  boost::json::object out;
  for (const auto& [name, entry] : entries_) out[name] = entry.value;
  return Settings(boost::json::serialize(out));
}

std::vector<std::string> EffectiveSettings::lines() const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : entries_) {
    out.push_back(name + " = " + as_toml(entry) + "  # " + one_line(mask_secrets(entry.origin)));
  }
  return out;
}

EffectiveSettings read_settings(const KnownSettings& known, const SettingsSources& sources) {
  Merge merge(known);
  for (const auto& text : sources.defaults) merge.take(text);
  if (sources.config_file) {
    for (const auto& setting : read_settings_file(*sources.config_file)) merge.take(setting);
  }
  for (const auto& [variable, value] : sources.environment) merge.take_variable(variable, value);
  for (const auto& text : sources.command_line) merge.take(text);
  return std::move(merge).result();
}

}  // namespace punctual
