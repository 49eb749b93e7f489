#include "engine/new_task.hpp"

#include <array>
#include <cstdio>

#include "cron/cron_schedule.hpp"
#include "punctual/errors.hpp"

namespace punctual {
namespace {

constexpr std::size_t max_name = 255;

// The longest prefix of at most `size` bytes that ends between characters.
std::string_view cut_utf8(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

Time due_after(Time now, seconds delay) { return std::chrono::ceil<milliseconds>(now + delay); }

std::string default_name(const TaskSpec& spec, Time due) {
  if (spec.schedule_type == ScheduleType::cron) {
    return "Cron: " + std::string(cut_utf8(spec.url, max_name - 6));
  }
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(due);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::minutes>(due - day)};
  std::array<char, 32> when{};
  std::snprintf(when.data(), when.size(), " · %02u %s, %02d:%02d", static_cast<unsigned>(date.day()),
                months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()));
  const std::string_view suffix(when.data());
  return std::string(cut_utf8(spec.url, max_name - suffix.size())) + std::string(suffix);
}

std::optional<Time> next_run(const TaskSpec& spec, Time after) {
  const auto made = CronSchedule::make(spec.cron_expression.value_or(""), spec.timezone);
  if (const auto* problem = std::get_if<ScheduleProblem>(&made)) {
    if (*problem == ScheduleProblem::unknown_timezone) throw Invalid("timezone", "is not a known time zone");
    throw Invalid("cron", "is not a valid cron expression");
  }
  if (!spec.enabled) return std::nullopt;
  return std::get<CronSchedule>(made).next(after);
}

}  // namespace punctual
