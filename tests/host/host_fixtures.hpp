// What the tests of the host share: the plugins built for them, a folder of their own, a log that can be read.
#pragma once

#include <spdlog/sinks/ostream_sink.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <sstream>
#include <string>

#include "host/log.hpp"
#include "host/metrics_registry.hpp"
#include "host/process_host.hpp"
#include "support/temporary_folder.hpp"

namespace punctual::testing {

inline std::filesystem::path plugin_file(const std::string& name) {
  return std::filesystem::path(PUNCTUAL_TEST_PLUGINS) / (name + ".so");
}

// What `action` is refused with; fails the test when it is not.
template <class Refusal, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Refusal& refusal) {
    return refusal.what();
  }
  FAIL("nothing was refused");
  return {};
}

// The time stands at 2026-11-23T20:00:00Z.
class StillClock final : public Clock {
 public:
  [[nodiscard]] Time now() const noexcept override { return Time{seconds{1795464000}}; }
  [[nodiscard]] MonotonicTime monotonic() const noexcept override { return {}; }
  void wait_until(std::unique_lock<std::mutex>&, std::condition_variable&, Time) override {}
};

// A host whose log lines are kept.
struct LoggedHost {
  std::ostringstream written;
  Log log{LogSettings{LogLevel::debug, LogFormat::text}, std::make_shared<spdlog::sinks::ostream_sink_mt>(written)};
  MetricsRegistry metrics;
  StillClock clock;
  ProcessHost host{log, metrics, clock};
};

}  // namespace punctual::testing
