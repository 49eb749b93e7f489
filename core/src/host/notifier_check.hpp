// What `punctual plugin check` does with a notifier. Main thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/notifiers.hpp"
#include "host/plugin_http.hpp"
#include "host/plugin_library.hpp"
#include "punctual/host.hpp"

namespace punctual {

// A call into a plugin has not returned in time. It is still under way, on a thread that uses the plugin, its library and what
// the server gave it: none of them may be destroyed, so the process can only end at once.
class PluginHangs : public PluginRefused {
 public:
  using PluginRefused::PluginRefused;
};

struct NotifierCheck {
  Plugin plugin;
  std::string settings_json;
  std::vector<NotifierEvent> events;  // at least one
  Host& host;
  PluginHttp* http = nullptr;
  milliseconds deadline{30000};                 // of one call
  std::function<void(const std::string&)> say;  // gets one line for each thing done, without the plugin's name
};

// Makes an instance, sends it the events, then, when all were delivered within a moment, the last one many times more to see
// whether its memory grows, and destroys it. Everything runs on other threads. Throws PluginRefused when the plugin fails in
// any of this, at the end where it is only an event that was not delivered; PluginHangs.
void check_notifier(const NotifierCheck& check);

}  // namespace punctual
