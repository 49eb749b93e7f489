// What the host gives a C++ plugin (storage, transport, frontend): log, metrics, time, and its settings as typed values.
// Every function may be called from any thread.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/metrics.hpp"
#include "punctual/plugin.h"
#include "punctual/time.hpp"

namespace punctual {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

class Host {
 public:
  // One line a fact. Never a secret, never a line break.
  virtual void log(LogLevel level, std::string_view text) noexcept = 0;
  [[nodiscard]] virtual Metrics& metrics() noexcept = 0;
  // The engine's clock.
  [[nodiscard]] virtual Time now() const noexcept = 0;

 protected:
  ~Host() = default;
};

// The settings a plugin declared, as the host read and checked them. Asking for a name that was not declared is a bug and
// throws std::logic_error.
class Settings {
 public:
  // `json` as it is handed to create().
  explicit Settings(std::string_view json) : values_(boost::json::parse(json).as_object()) {}

  [[nodiscard]] std::string string(std::string_view name) const { return std::string(at(name).as_string()); }
  [[nodiscard]] std::int64_t integer(std::string_view name) const { return at(name).as_int64(); }
  [[nodiscard]] bool boolean(std::string_view name) const { return at(name).as_bool(); }
  [[nodiscard]] milliseconds duration(std::string_view name) const { return milliseconds{at(name).as_int64()}; }
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const {
    std::vector<std::string> out;
    for (const auto& item : at(name).as_array()) out.emplace_back(item.as_string());
    return out;
  }

 private:
  [[nodiscard]] const boost::json::value& at(std::string_view name) const {
    const auto* value = values_.if_contains(name);
    if (value == nullptr) throw std::logic_error("setting '" + std::string(name) + "' was not declared");
    return *value;
  }

  boost::json::object values_;
};

}  // namespace punctual
