// The engine's event as a plugin sees it. Any thread.
#pragma once

#include "engine/notifiers.hpp"
#include "punctual/notifier.h"

namespace punctual {

// Its texts are those of `event`, and live as long.
[[nodiscard]] punctual_event c_event(const NotifierEvent& event);

}  // namespace punctual
