// Calls into plugins that are not trusted to come back.
#pragma once

#include <cstdint>
#include <functional>

#include "punctual/time.hpp"

namespace punctual {

enum class CallEnd : std::uint8_t {
  returned,
  ended_thread,   // by pthread_exit
  still_running,  // after the limit; it goes on, on a thread that nobody waits for any more
};

// Runs `call` on a thread of its own and waits for it, at most for `limit`. What it throws is thrown again here. `call` owns all
// that it touches, for it may still run.
[[nodiscard]] CallEnd call_on_own_thread(std::function<void()> call, milliseconds limit);

}  // namespace punctual
