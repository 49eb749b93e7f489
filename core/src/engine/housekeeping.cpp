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

Time Housekeeping::upkeep() {
  const Time now = clock_.now();
  try {
    const UpkeepReport report = maintenance_.upkeep({now, retention_});
    for (const auto& fact : report.done) host_.log(LogLevel::info, "upkeep: " + fact);
    for (const auto& fact : report.deferred) host_.log(LogLevel::warn, "upkeep, to be tried again: " + fact);
    // More of what is removed in small steps may be there.
    return now + (report.done.empty() ? seconds{60} : seconds{1});
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    host_.log(LogLevel::warn, std::string("upkeep failed, trying again in a minute: ") + error.what());
  }
  return now + seconds{60};
}

}  // namespace punctual
