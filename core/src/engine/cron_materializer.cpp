#include "engine/cron_materializer.hpp"

#include "engine/occurrences.hpp"
#include "engine/transient.hpp"

namespace punctual {
namespace {

constexpr std::size_t schedules_a_tick = 500;
constexpr std::size_t occurrences_a_step = 1000;  // of one schedule with misfire `all`
constexpr std::size_t occurrences_a_tick = 2000;  // about; bounds the transaction that everybody else waits for

}  // namespace

CronMaterializer::CronMaterializer(Schedules& schedules, Clock& clock, Host& host, IdGenerator& ids,
                                   EngineMetrics& metrics, const EngineSettings& settings,
                                   std::function<void(Time)> on_made)
    : schedules_(schedules),
      clock_(clock),
      host_(host),
      ids_(ids),
      metrics_(metrics),
      ahead_(settings.claim_ahead),
      poll_(settings.poll_interval),
      on_made_(std::move(on_made)),
      loop_(clock, [this] { return tick(); }) {}

Time CronMaterializer::tick() {
  const Time now = clock_.now();
  const Time horizon = now + ahead_;
  try {
    const auto due = schedules_.due(horizon, schedules_a_tick);
    std::vector<ScheduleStep> steps;
    std::size_t occurrences = 0;
    bool more = due.schedules.size() == schedules_a_tick;
    for (const auto& schedule : due.schedules) {
      if (occurrences >= occurrences_a_tick) {
        more = true;
        break;
      }
      try {
        steps.push_back(step(schedule, now, horizon));
        occurrences += steps.back().executions.size();
      } catch (const std::exception& error) {
        // Its zone cannot be read now, which is no fault of the schedule: it is looked at again with a later tick.
        host_.log(LogLevel::warn, "cron task " + schedule.task_id.text() + " must wait: " + error.what());
      }
    }
    if (!steps.empty()) {
      const auto made = schedules_.advance(steps);
      Time earliest = Time::max();
      for (std::size_t i = 0; i < steps.size(); ++i) {
        metrics_.cron_runs.add(static_cast<double>(made[i]));
        if (made[i] > 0) earliest = std::min(earliest, steps[i].executions.front().scheduled_for);
        if (steps[i].next_run_at && *steps[i].next_run_at <= horizon) more = true;
      }
      if (earliest != Time::max()) on_made_(earliest);
    }
    failures_ = 0;
    if (more && !steps.empty()) return now;
    // At most one window early; the poll finds schedules that another process has made.
    return std::min(now + poll_, due.next ? std::max(*due.next - ahead_, now + milliseconds{1}) : Time::max());
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    const auto wait = transient_wait(++failures_);
    host_.log(LogLevel::warn, std::string("reading cron schedules failed, trying again in ") +
                                  std::to_string(wait.count()) + " ms: " + error.what());
    return clock_.now() + wait;
  }
}

ScheduleStep CronMaterializer::step(const DueSchedule& due, Time now, Time horizon) {
  ScheduleStep step;
  step.task_id = due.task_id;
  step.organization_id = due.organization_id;
  step.expected_next_run_at = due.next_run_at;
  step.expected_version = due.version;
  auto made = CronSchedule::make(due.cron_expression, due.timezone);
  if (const auto* problem = std::get_if<ScheduleProblem>(&made)) {
    const std::string detail = *problem == ScheduleProblem::unknown_timezone
                                   ? "This server does not know the time zone \"" + due.timezone + "\""
                                   : "\"" + due.cron_expression + "\" is not a valid cron expression";
    step.disable = AuditEntry{due.organization_id, now, "system", "task.disabled", due.task_id.text(), detail};
    metrics_.cron_disabled.add();
    host_.log(LogLevel::error, "cron task " + due.task_id.text() + " is disabled: " + detail);
    return step;
  }
  const auto found =
      occurrences_to_run(std::get<CronSchedule>(made), due.misfire, due.next_run_at, now, horizon, occurrences_a_step);
  const auto ids = ids_.next_batch<ExecutionId>(now, found.run.size());
  for (std::size_t i = 0; i < ids.size(); ++i) step.executions.push_back({ids[i], ids[i], 1, found.run[i]});
  step.next_run_at = found.next;
  if (due.overlap == Overlap::skip) {
    step.skip_if_live = true;
    // Those of one step would overlap each other.
    if (step.executions.size() > 1) step.executions.erase(step.executions.begin(), std::prev(step.executions.end()));
  }
  return step;
}

}  // namespace punctual
