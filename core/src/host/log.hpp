// The server's log: one line a fact, text or JSON, with secrets masked and control characters escaped. Every function
// may be called from any thread; lines of several threads never mix.
//   text  2026-11-23T20:00:00.123Z info  message
//   JSON  {"time":"2026-11-23T20:00:00.123Z","level":"info","message":"message"}
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "punctual/host.hpp"
#include "punctual/plugin.h"

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace punctual {

enum class LogFormat : std::uint8_t { text, json };

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;

  // From the settings declared by host_settings(). Throws SettingsError for an unknown level or format.
  [[nodiscard]] static LogSettings read(const Settings& settings);
};

// The settings the host itself understands: log.level and log.format.
[[nodiscard]] std::span<const punctual_setting> host_settings();

class Log {
 public:
  // Writes to standard error.
  explicit Log(LogSettings settings = {});
  // Writes to `sink`, whose formatter is replaced.
  Log(LogSettings settings, std::shared_ptr<spdlog::sinks::sink> sink);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Also flushed when it returns. A line that cannot be written is lost.
  void write(LogLevel level, std::string_view message) noexcept;
  void debug(std::string_view message) noexcept { write(LogLevel::debug, message); }
  void info(std::string_view message) noexcept { write(LogLevel::info, message); }
  void warn(std::string_view message) noexcept { write(LogLevel::warn, message); }
  void error(std::string_view message) noexcept { write(LogLevel::error, message); }

 private:
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace punctual
