#include "host/process_host.hpp"

#include <algorithm>

namespace punctual {
namespace {

void log_from_plugin(void* self, std::int32_t level, const char* text) noexcept {
  if (text == nullptr) return;
  const auto known = std::clamp<std::int32_t>(level, PUNCTUAL_DEBUG, PUNCTUAL_ERROR);
  static_cast<ProcessHost*>(self)->log(static_cast<LogLevel>(known), text);
}

static_assert(static_cast<int>(LogLevel::debug) == PUNCTUAL_DEBUG &&
              static_cast<int>(LogLevel::info) == PUNCTUAL_INFO && static_cast<int>(LogLevel::warn) == PUNCTUAL_WARN &&
              static_cast<int>(LogLevel::error) == PUNCTUAL_ERROR);

}  // namespace

ProcessHost::ProcessHost(Log& log, MetricsRegistry& metrics, Clock& clock)
    : log_(log), metrics_(metrics), clock_(clock) {
  plain_.struct_size = sizeof plain_;
  plain_.self = this;
  plain_.log = log_from_plugin;
  cxx_ = plain_;
  // Plugins cast it back to Host*, so it must be that very base.
  cxx_.cxx = static_cast<Host*>(this);
}

}  // namespace punctual
