// NotifierGate: what instances of notifiers use of the server, and cannot use any more once it is closed: a plugin that does not
// return keeps its thread, and perhaps calls when the server has gone.
#pragma once

#include <mutex>
#include <shared_mutex>
#include <string_view>

#include "host/plugin_http.hpp"
#include "punctual/host.hpp"

namespace punctual {

// Any thread. `host` and `http` are used until close() returns.
class NotifierGate final : public Host, public PluginHttp {
 public:
  NotifierGate(Host& host, PluginHttp& http) : host_(host), http_(http) {}

  // Waits for what is under way: log lines, and requests, which end with the drain of their transport.
  void close() {
    const std::unique_lock lock(mutex_);
    open_ = false;
  }

  void log(LogLevel level, std::string_view text) noexcept override {
    const std::shared_lock lock(mutex_);
    if (open_) host_.log(level, text);
  }
  // Not for notifiers, which are given nothing of C++.
  [[nodiscard]] Metrics& metrics() noexcept override { return host_.metrics(); }
  [[nodiscard]] Time now() const noexcept override { return host_.now(); }

  bool send(const punctual_http_request& request, punctual_http_response& response) override {
    const std::shared_lock lock(mutex_);
    if (open_) return http_.send(request, response);
    response = no_response("the server is stopping");
    return false;
  }

 private:
  std::shared_mutex mutex_;
  bool open_ = true;
  Host& host_;
  PluginHttp& http_;
};

}  // namespace punctual
