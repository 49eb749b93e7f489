// One event of each kind of notifier.h, as a server would tell it: what `punctual plugin check` tells a notifier. Pure; any thread.
#pragma once

#include <vector>

#include "engine/notifiers.hpp"
#include "punctual/time.hpp"

namespace punctual {

// They have happened at `now`; the last one is the "test".
[[nodiscard]] std::vector<NotifierEvent> sample_events(Time now);

}  // namespace punctual
