#include "host/log.hpp"

#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <boost/json.hpp>
#include <string>

#include "host/masking.hpp"
#include "host/settings_reader.hpp"
#include "punctual/time.hpp"

namespace punctual {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warn";
    default:
      return "error";
  }
}

class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(LogFormat format) : format_(format) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto time = format_rfc3339(std::chrono::time_point_cast<microseconds>(message.time));
    const auto level = level_name(message.level);
    const auto text = one_line(mask_secrets({message.payload.data(), message.payload.size()}));
    std::string line;
    if (format_ == LogFormat::json) {
      line = boost::json::serialize(boost::json::object{{"time", time}, {"level", level}, {"message", text}});
    } else {
      constexpr std::size_t level_width = 5;
      line.append(time).append(" ").append(level).append(level_width - level.size() + 1, ' ').append(text);
    }
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }

  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_);
  }

 private:
  LogFormat format_;
};

constexpr std::array<punctual_setting, 2> declared_settings{{
    {"log.level", PUNCTUAL_STRING, "info", "The least important lines that are written: debug, info, warn or error."},
    {"log.format", PUNCTUAL_STRING, "text", "How a line is written: text or json."},
}};

[[noreturn]] void reject(std::string_view name, std::string_view value, std::string_view expected) {
  throw SettingsError(one_line(
      mask_secrets(std::string(name) + " is '" + std::string(value) + "', expected " + std::string(expected))));
}

}  // namespace

LogSettings LogSettings::read(const Settings& settings) {
  LogSettings out;
  const auto level = settings.string("log.level");
  if (level == "debug") {
    out.level = LogLevel::debug;
  } else if (level == "info") {
    out.level = LogLevel::info;
  } else if (level == "warn") {
    out.level = LogLevel::warn;
  } else if (level == "error") {
    out.level = LogLevel::error;
  } else {
    reject("log.level", level, "debug, info, warn or error");
  }
  const auto format = settings.string("log.format");
  if (format != "text" && format != "json") reject("log.format", format, "text or json");
  out.format = format == "json" ? LogFormat::json : LogFormat::text;
  return out;
}

std::span<const punctual_setting> host_settings() { return declared_settings; }

Log::Log(LogSettings settings) : Log(settings, std::make_shared<spdlog::sinks::stderr_sink_mt>()) {}

Log::Log(LogSettings settings, std::shared_ptr<spdlog::sinks::sink> sink)
    : logger_(std::make_unique<spdlog::logger>("punctual", std::move(sink))) {
  logger_->set_formatter(std::make_unique<LineFormatter>(settings.format));
  logger_->set_level(to_spdlog(settings.level));
  logger_->flush_on(spdlog::level::trace);
  // There is nowhere left to report to when the log cannot be written.
  logger_->set_error_handler([](const std::string&) {});
}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message) noexcept {
  try {
    logger_->log(to_spdlog(level), spdlog::string_view_t(message.data(), message.size()));
  } catch (...) {
    // Out of memory for one line: the line is lost, not the server.
  }
}

}  // namespace punctual
