// The settings of a channel: its own over those that the server has for its plugin. Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "host/plugin_library.hpp"

namespace punctual {

struct ChannelSettings {
  std::string for_create;  // what the plugin's create is handed: every declared setting
  boost::json::object
      stored;  // the channel's own as texts, by whole names in the order of declaration: Channel::settings
};

// `server`: what EffectiveSettings::json_for gives for the plugin. `own`: by whole or short names (of "webhook.url", "url"),
// texts as after --set name=, or numbers, booleans and arrays where the declared type has them. Throws Invalid for the
// field "settings", with a text that names the setting, when it is none of the plugin, belongs to the server alone, is not of
// its type or stands there twice. No value of a secret gets into that text.
[[nodiscard]] ChannelSettings channel_settings(const Plugin& plugin, const std::string& server,
                                               const boost::json::object& own);

}  // namespace punctual
