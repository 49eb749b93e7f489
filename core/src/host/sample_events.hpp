// One event of each kind of notifier.h, as a server might tell it. Immutable; any thread.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "punctual/notifier.h"
#include "punctual/time.hpp"

namespace punctual {

class SampleEvents {
 public:
  // They have happened at `now`.
  explicit SampleEvents(Time now);
  SampleEvents(const SampleEvents&) = delete;
  SampleEvents& operator=(const SampleEvents&) = delete;

  // Valid as long as this; the last one is the "test".
  [[nodiscard]] std::span<const punctual_event> all() const noexcept { return events_; }

 private:
  void add(punctual_event event);

  Time now_;
  std::vector<punctual_event> events_;
  std::deque<std::string> texts_;
};

}  // namespace punctual
