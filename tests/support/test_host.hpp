// A Host that keeps its log for the test to read. Any thread.
#pragma once

#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "engine/guarded.hpp"
#include "host/metrics_registry.hpp"
#include "punctual/host.hpp"

namespace punctual::testing {

class TestHost final : public Host {
 public:
  explicit TestHost(const Clock& clock) : clock_(clock) {
    for_plugins_.struct_size = sizeof for_plugins_;
    for_plugins_.self = this;
    for_plugins_.log = [](void* self, std::int32_t level, const char* text) {
      static_cast<TestHost*>(self)->log(static_cast<LogLevel>(level), text);
    };
    for_plugins_.cxx = static_cast<Host*>(this);
  }

  void log(LogLevel, std::string_view text) noexcept override { lines_.lock()->emplace_back(text); }
  Metrics& metrics() noexcept override { return metrics_; }
  Time now() const noexcept override { return clock_.now(); }

  [[nodiscard]] const punctual_host& for_plugins() const { return for_plugins_; }
  [[nodiscard]] bool logged(std::string_view part) { return times_logged(part) > 0; }
  [[nodiscard]] std::size_t times_logged(std::string_view part) {
    const auto lines = lines_.lock();
    std::size_t out = 0;
    for (const auto& line : *lines) out += line.find(part) != std::string::npos ? 1 : 0;
    return out;
  }

 private:
  const Clock& clock_;
  MetricsRegistry metrics_;
  Guarded<std::vector<std::string>> lines_;
  punctual_host for_plugins_{};
};

}  // namespace punctual::testing
