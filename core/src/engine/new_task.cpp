#include "engine/new_task.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cron/cron_schedule.hpp"
#include "engine/organization_limits.hpp"
#include "engine/task_audit.hpp"
#include "host/masking.hpp"
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
  const std::string url = mask_userinfo(spec.url);
  if (spec.schedule_type == ScheduleType::cron) {
    return "Cron: " + std::string(cut_utf8(url, max_name - 6));
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
  return std::string(cut_utf8(url, max_name - suffix.size())) + std::string(suffix);
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

NewWork new_work(NewTask draft, const Principal& by, Time now, IdGenerator& ids) {
  NewWork work;
  Task& task = work.task;
  task.id = ids.next<TaskId>(now);
  task.organization_id = by.organization_id;
  task.spec = std::move(draft.spec);
  task.inserted_at = task.updated_at = now;
  Time due;
  if (task.spec.schedule_type == ScheduleType::cron) {
    task.next_run_at = next_run(task.spec, now);
    check_cron_interval(task.spec, by.limits, now);
  } else {
    due = draft.delay ? due_after(now, *draft.delay)
                      : task.spec.scheduled_at.value_or(std::chrono::floor<milliseconds>(now));
    const auto id = ids.next<ExecutionId>(now);
    work.execution = NewExecution{id, id, 1, due};
    task.spec.scheduled_at = task.next_run_at = due;
  }
  if (task.spec.name.empty()) task.spec.name = default_name(task.spec, due);
  if (task.spec.schedule_type == ScheduleType::cron) work.audit = task_created(by, task);
  return work;
}

TaskUpdate changed_task(const Task& before, TaskSpec spec, const OrganizationLimits& limits, Time now) {
  TaskUpdate update;
  update.expected_version = before.updated_at;
  update.task = before;
  update.task.spec = std::move(spec);
  const TaskSpec& after = update.task.spec;
  const bool same_instants =
      after.cron_expression == before.spec.cron_expression && after.timezone == before.spec.timezone;
  if (after.schedule_type == ScheduleType::cron && (!same_instants || after.enabled != before.spec.enabled)) {
    update.pending = PendingChange::forget;
    update.task.next_run_at = next_run(after, now);
    if (!same_instants || after.enabled) check_cron_interval(after, limits, now);
  }
  if (after != before.spec) update.task.updated_at = std::max(now, before.updated_at + microseconds{1});
  return update;
}

}  // namespace punctual
