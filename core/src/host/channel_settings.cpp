#include "host/channel_settings.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "host/masking.hpp"
#include "host/setting_names.hpp"
#include "host/setting_value.hpp"
#include "punctual/errors.hpp"

namespace punctual {
namespace {

using boost::json::value;

[[noreturn]] void refuse(std::string_view name, const std::string& problem) {
  throw Invalid("settings", one_line("'" + std::string(name) + "' " + problem));
}

punctual_setting_type type_of(const punctual_setting& setting) {
  return static_cast<punctual_setting_type>(setting.type);
}

// The names that a channel may use, as short as they were meant.
std::optional<std::string_view> nearest_of(const Plugin& plugin, std::string_view name) {
  const auto server_settings = plugin.server_settings();
  std::vector<std::string_view> names;
  for (const auto& setting : plugin.settings()) {
    const std::string_view whole = setting.name;
    if (std::count(server_settings.begin(), server_settings.end(), whole) != 0) continue;
    const bool by_short_name =
        name.find('.') == name.npos && find_setting(plugin.settings(), short_name(whole)) == &setting;
    names.push_back(by_short_name ? short_name(whole) : whole);
  }
  return nearest_name(name, names);
}

// Returns when `name` is not short for anything.
void refuse_ambiguous(const Plugin& plugin, std::string_view name) {
  std::string all;
  for (const auto& setting : plugin.settings()) {
    if (short_name(setting.name) != name) continue;
    all += (all.empty() ? "'" : " or '") + std::string(setting.name) + "'";
  }
  if (!all.empty()) refuse(name, "may be " + all + ": write which");
}

const punctual_setting& setting_of(const Plugin& plugin, std::string_view name) {
  const auto* setting = find_setting(plugin.settings(), name);
  if (setting == nullptr) {
    refuse_ambiguous(plugin, name);
    const auto near = nearest_of(plugin, name);
    refuse(name, "is not a setting of " + std::string(plugin.name()) +
                     (near ? "; did you mean '" + std::string(*near) + "'?" : std::string()));
  }
  const auto server_settings = plugin.server_settings();
  if (std::count(server_settings.begin(), server_settings.end(), std::string_view(setting->name)) != 0) {
    refuse(name, "can be set in the server's configuration only");
  }
  return *setting;
}

// In the form that plugin.h gives for the type.
value read(const punctual_setting& setting, std::string_view name, const value& given) {
  const auto type = type_of(setting);
  const auto expected = "must be " + std::string(expected_form(type));
  const auto read = read_setting(type, given);
  if (!read) refuse(name, expected);
  const auto text = written_setting(type, *read);
  if (text.find('\0') != std::string::npos) refuse(name, expected + " without a NUL");
  // A comma inside an item, or blanks around it, would be lost in the text that is stored.
  if (parse_setting(type, text) != *read)
    refuse(name, expected + ", none of which has a comma or begins or ends with a blank");
  return *read;
}

}  // namespace

ChannelSettings channel_settings(const Plugin& plugin, const std::string& server, const boost::json::object& own) {
  std::map<const punctual_setting*, value> given;
  for (const auto& [name, text] : own) {
    const auto& setting = setting_of(plugin, name);
    if (!given.emplace(&setting, read(setting, name, text)).second) {
      refuse(name, "is given twice, as '" + std::string(setting.name) + "' too");
    }
  }
  ChannelSettings out;
  auto all = boost::json::parse(server).as_object();
  for (const auto& setting : plugin.settings()) {
    const auto found = given.find(&setting);
    if (found == given.end()) continue;
    out.stored[setting.name] = written_setting(type_of(setting), found->second);
    all[setting.name] = found->second;
  }
  out.for_create = boost::json::serialize(all);
  return out;
}

}  // namespace punctual
