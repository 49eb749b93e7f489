// CronMaterializer: turns cron schedules into executions shortly before they are due.
//
// One thread. Each schedule is stepped by itself: one that cannot be read disables its task, with a line in the audit log,
// and never stops the others. Several nodes may do this at once; storage lets each step happen once.
#pragma once

#include "engine/background_loop.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/task_engine.hpp"
#include "identity/id_generator.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class CronMaterializer {
 public:
  // `on_made` is told when the earliest of the executions just made is due.
  CronMaterializer(Schedules& schedules, Clock& clock, Host& host, IdGenerator& ids, EngineMetrics& metrics,
                   const EngineSettings& settings, std::function<void(Time)> on_made);

  void start() { loop_.start(); }
  void stop() { loop_.stop(); }
  // A schedule was made or changed and is next due at `next`. Any thread.
  void wake(Time next) { loop_.wake(next - ahead_); }

 private:
  Time tick();
  [[nodiscard]] ScheduleStep step(const DueSchedule& due, Time now, Time horizon);

  Schedules& schedules_;
  Clock& clock_;
  Host& host_;
  IdGenerator& ids_;
  EngineMetrics& metrics_;
  milliseconds ahead_;
  milliseconds poll_;
  std::function<void(Time)> on_made_;
  int failures_ = 0;  // in a row
  BackgroundLoop loop_;
};

}  // namespace punctual
