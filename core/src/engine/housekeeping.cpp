#include "engine/housekeeping.hpp"

namespace punctual {
namespace {

constexpr std::chrono::hours reply_lifetime{24};
constexpr std::size_t replies_a_tick = 1000;

}  // namespace

Time Housekeeping::tick() {
  const Time now = clock_.now();
  const auto sizes = held_.sizes();
  metrics_.waiting.set(static_cast<double>(sizes.waiting));
  metrics_.sending.set(static_cast<double>(sizes.sending));
  try {
    keys_.flush_touches();
    if (now >= next_expiry_) {
      if (maintenance_.expire_replies(now - reply_lifetime, replies_a_tick) == replies_a_tick) {
        return now + milliseconds{10};  // there are more
      }
      next_expiry_ = now + seconds{60};
    }
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    host_.log(LogLevel::warn, std::string("housekeeping failed, trying again in a second: ") + error.what());
  }
  return now + seconds{1};
}

}  // namespace punctual
