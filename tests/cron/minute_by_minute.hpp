// A second, slow and plain reading of cron expressions to compare the real one with: looks at every minute in turn, takes
// local times from the C library, and reads the text of a field anew for each value.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "punctual/time.hpp"

namespace punctual {

class MinuteByMinute {
 public:
  // `expression`: five fields with one space between them.
  explicit MinuteByMinute(const std::string& expression);

  [[nodiscard]] bool fits_day(std::chrono::year_month_day date) const;
  [[nodiscard]] bool fits_time(int hour, int minute) const;
  [[nodiscard]] bool follows_elapsed_time() const { return fields_[1].front() == '*'; }

 private:
  std::array<std::string, 5> fields_;
  std::array<bool, 24> hours_{};
  std::array<bool, 60> minutes_{};
};

// The minutes from `first` on for `days` days, with the local time of each in a zone.
class LocalMinutes {
 public:
  LocalMinutes(const std::string& zone, Time first, int days);

  // When the expression is due among them.
  [[nodiscard]] std::vector<Time> due(const MinuteByMinute& expression) const;

 private:
  using Local = std::chrono::local_time<std::chrono::minutes>;

  Time first_;
  std::vector<Local> locals_;
};

}  // namespace punctual
