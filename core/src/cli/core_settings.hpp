// The settings that do not come from a plugin.
#pragma once

#include <span>

#include "punctual/plugin.h"

namespace punctual {

// storage.url, server.shutdown_deadline, and those of the engine and the host. Any thread.
[[nodiscard]] std::span<const punctual_setting> core_settings();

}  // namespace punctual
