#include "engine/small_model.hpp"

#include <algorithm>

namespace punctual::testing {

using Status = ExecutionStatus;

std::size_t SmallModel::start(std::size_t task, std::optional<ExecutionId> id, Time due, bool by_schedule) {
  Execution one;
  one.task = task;
  one.run = runs.size();
  one.due = one.line_at = due;
  one.place = next_place_++;
  one.by_schedule = by_schedule;
  one.id = id;
  runs.push_back(id);
  executions.push_back(one);
  return one.run;
}

void SmallModel::set_schedule(Task& task, Time now) {
  const auto schedule = std::get<CronSchedule>(CronSchedule::make(*task.cron, "UTC"));
  task.next_run = task.enabled ? schedule.next(now) : std::nullopt;
}

void SmallModel::forget_ahead(std::size_t task, Time now) {
  std::erase_if(executions, [&](const Execution& one) {
    return one.task == task && one.by_schedule && one.status == Status::pending && one.due > now;
  });
}

void SmallModel::remove(std::size_t task) {
  tasks[task].deleted = true;
  for (Execution& one : executions) {
    if (one.task == task && one.status == Status::pending) cancel(one);
  }
}

std::size_t SmallModel::remove_queue(const std::string& queue) {
  std::size_t removed = 0;
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    const bool waits = std::any_of(executions.begin(), executions.end(), [&](const Execution& one) {
      return one.task == task && one.status == Status::pending;
    });
    if (tasks[task].deleted || tasks[task].queue != queue || !waits) continue;
    remove(task);
    ++removed;
  }
  return removed;
}

std::size_t SmallModel::retry_many(const std::vector<Status>& statuses, std::size_t limit, Time now) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < executions.size(); ++at) {
    const Execution& one = executions[at];
    const bool asked = std::find(statuses.begin(), statuses.end(), one.status) != statuses.end();
    if (asked && !one.followed && !tasks[one.task].deleted) found.push_back(at);
  }
  std::sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(executions[a].due, executions[a].id) < std::tie(executions[b].due, executions[b].id);
  });
  found.resize(std::min(found.size(), limit));
  for (const std::size_t at : found) {
    executions[at].followed = true;
    start(executions[at].task, std::nullopt, now);
  }
  return found.size();
}

void SmallModel::run(Time now) {
  make_occurrences(now);
  while (const Execution* next = next_to_send(now)) send(static_cast<std::size_t>(next - executions.data()), now);
}

void SmallModel::make_occurrences(Time now) {
  for (std::size_t at = 0; at < tasks.size(); ++at) {
    while (!tasks[at].deleted && tasks[at].next_run && *tasks[at].next_run <= now + made_ahead) {
      const Time due = *tasks[at].next_run;
      start(at, std::nullopt, due, true);
      set_schedule(tasks[at], due);
    }
  }
}

SmallModel::Execution* SmallModel::next_to_send(Time now) {
  const auto found = std::find_if(executions.begin(), executions.end(), [&](const Execution& one) {
    return one.status == Status::pending && one.due <= now && has_slot(one);
  });
  return found == executions.end() ? nullptr : &*found;
}

bool SmallModel::has_slot(const Execution& one) const {
  const auto& queue = tasks[one.task].queue;
  if (!queue) return true;
  const auto set = queues.find(*queue);
  const Queue settings = set == queues.end() ? Queue{} : set->second;
  if (settings.paused) return false;
  const auto before = std::count_if(executions.begin(), executions.end(), [&](const Execution& other) {
    return tasks[other.task].queue == queue && (other.status == Status::pending || other.status == Status::running) &&
           rank(other) < rank(one);
  });
  return before < settings.concurrency;
}

std::tuple<bool, bool, Time, std::uint64_t> SmallModel::rank(const Execution& one) const {
  const bool by_due = heads_ == Heads::by_due;
  return {one.status != Status::running, !one.holds, by_due ? one.due : one.line_at, one.place};
}

void SmallModel::send(std::size_t at, Time now) {
  Execution& one = executions[at];
  const Task& task = tasks[one.task];
  sent.push_back(task.url);
  one.status = Status::running;
  one.holds = true;
  one.retry_attempts = task.retry_attempts;
  if (answer) end(one, *answer, now);
}

void SmallModel::end(Execution& one, int status, Time now) {
  one.status = status == 200 ? Status::success : Status::failed;
  const Task& task = tasks[one.task];
  if (status != 500 || one.attempt > one.retry_attempts || task.deleted || !task.enabled) return;
  one.followed = true;
  Execution retry = one;
  ++retry.attempt;
  retry.due = now + retry_base * (1 << (one.attempt - 1));
  retry.status = Status::pending;
  retry.by_schedule = retry.followed = false;
  retry.rescues = 0;
  retry.id.reset();
  if (heads_ == Heads::by_due) retry.place = next_place_++;
  executions.push_back(retry);
}

void SmallModel::give_back(Execution& one) {
  one.status = tasks[one.task].deleted ? Status::cancelled : Status::pending;
  one.lost = false;
}

void SmallModel::rescue() {
  for (Execution& one : executions) {
    if (!one.lost) continue;
    give_back(one);
    ++one.rescues;
  }
}

SmallModel::Execution* SmallModel::find(std::size_t run, Status status) {
  const auto found = std::find_if(executions.begin(), executions.end(),
                                  [&](const Execution& one) { return one.run == run && one.status == status; });
  return found == executions.end() ? nullptr : &*found;
}

bool SmallModel::has_live(const std::string& queue) const {
  return count(queue, Status::pending) + count(queue, Status::running) > 0;
}

std::int64_t SmallModel::count(const std::string& queue, Status status) const {
  return std::count_if(executions.begin(), executions.end(),
                       [&](const Execution& one) { return tasks[one.task].queue == queue && one.status == status; });
}

}  // namespace punctual::testing
