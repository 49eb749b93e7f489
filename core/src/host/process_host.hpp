// The Host of this process: log, metrics and clock in one, for the core, for C++ plugins, and as the C struct that `create` of
// every plugin is handed. Any thread.
#pragma once

#include <string_view>

#include "engine/clock.hpp"
#include "host/log.hpp"
#include "host/metrics_registry.hpp"
#include "punctual/host.hpp"
#include "punctual/plugin.h"

namespace punctual {

class ProcessHost final : public Host {
 public:
  // All arguments outlive the host, and the host outlives every plugin instance.
  ProcessHost(Log& log, MetricsRegistry& metrics, Clock& clock);
  ProcessHost(const ProcessHost&) = delete;
  ProcessHost& operator=(const ProcessHost&) = delete;

  void log(LogLevel level, std::string_view text) noexcept override { log_.write(level, text); }
  [[nodiscard]] Metrics& metrics() noexcept override { return metrics_; }
  [[nodiscard]] Time now() const noexcept override { return clock_.now(); }

  // The struct for plugins of this kind: notifiers are not given the C++ part.
  [[nodiscard]] const punctual_host& for_plugins(punctual_plugin_kind kind) const noexcept {
    return kind == PUNCTUAL_NOTIFIER ? plain_ : cxx_;
  }

 private:
  Log& log_;
  MetricsRegistry& metrics_;
  Clock& clock_;
  punctual_host plain_{};
  punctual_host cxx_{};
};

}  // namespace punctual
