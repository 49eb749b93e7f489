// The punctual_host of one instance of a notifier: what it logs, reads and sends is its own. Any thread.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/plugin_http.hpp"
#include "host/plugin_library.hpp"
#include "punctual/host.hpp"
#include "punctual/plugin.h"

namespace punctual {

class InstanceHost {
 public:
  // `settings_json`: what create is handed. `host` and `http`, which may be null, outlive it, and so does the plugin's
  // library. Lines of the log begin with `label` and ": ".
  InstanceHost(const Plugin& plugin, const std::string& settings_json, Host& host, PluginHttp* http, std::string label);
  InstanceHost(const InstanceHost&) = delete;
  InstanceHost& operator=(const InstanceHost&) = delete;

  [[nodiscard]] const punctual_host& for_plugin() const noexcept { return for_plugin_; }
  // `text` without the values of settings that are never shown.
  [[nodiscard]] std::string masked(std::string_view text) const;
  // Whether a request of the instance had no response because the server is stopping.
  [[nodiscard]] bool cut_off() const noexcept { return cut_off_; }

 private:
  static void log(void* self, std::int32_t level, const char* text);
  static const char* setting(void* self, const char* name);
  static std::int32_t http(void* self, const punctual_http_request* request, punctual_http_response* response);

  Plugin plugin_;
  Host& host_;
  PluginHttp* http_;
  std::string label_;
  std::map<std::string, std::string, std::less<>> settings_;  // texts by whole names
  std::vector<std::string> secrets_;
  std::atomic<bool> cut_off_{false};
  punctual_host for_plugin_{};
};

}  // namespace punctual
