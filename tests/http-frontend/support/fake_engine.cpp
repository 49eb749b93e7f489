#include "support/fake_engine.hpp"

#include <algorithm>
#include <tuple>

namespace punctual::testing {

namespace {

template <class Id>
Id numbered(std::uint8_t number) {
  Id id;
  id.value.bytes[15] = number;
  return id;
}

// Smaller: earlier in the list of tasks.
auto list_key(const std::optional<Time>& last, Time inserted, const Uuid& id) {
  const auto negative = [](Time time) { return -time.time_since_epoch().count(); };
  Uuid inverted = id;
  for (auto& byte : inverted.bytes) byte = static_cast<std::uint8_t>(~byte);
  return std::tuple(!last.has_value(), last ? negative(*last) : 0, negative(inserted), inverted);
}

template <class T, class Key>
Page<T> page_of(std::vector<T> rows, std::size_t limit, std::size_t offset, Key key) {
  std::sort(rows.begin(), rows.end(), [&](const T& a, const T& b) { return key(a) < key(b); });
  Page<T> page;
  const auto begin = std::min(offset, rows.size());
  const auto end = std::min(begin + limit, rows.size());
  page.items.assign(rows.begin() + static_cast<long>(begin), rows.begin() + static_cast<long>(end));
  page.has_more = end < rows.size();
  return page;
}

}  // namespace

OrganizationId FakeEngine::first_organization() { return numbered<OrganizationId>(1); }

std::optional<Principal> FakeEngine::authenticate(std::string_view api_key) {
  ++authentications;
  const std::uint8_t number = api_key == first_key ? 1 : api_key == other_key ? 2 : 0;
  if (number == 0) return std::nullopt;
  return Principal{numbered<OrganizationId>(number), numbered<KeyId>(number), std::string(api_key.substr(0, 32)), {}};
}

Uuid FakeEngine::next_id() {
  Uuid id;
  const auto number = ++last_id_;
  for (int i = 0; i < 8; ++i) id.bytes[static_cast<std::size_t>(15 - i)] = static_cast<std::uint8_t>(number >> (8 * i));
  id.bytes[6] = 0x70;
  return id;
}

FakeEngine::Entry& FakeEngine::entry(OrganizationId organization, TaskId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second.task.organization_id != organization) throw NotFound();
  return found->second;
}

Execution FakeEngine::add_pending(const Task& task, Time due) {
  ExecutionDetail detail;
  detail.execution.id.value = next_id();
  detail.execution.run_id = detail.execution.id;
  detail.execution.task_id = task.id;
  detail.execution.organization_id = task.organization_id;
  detail.execution.scheduled_for = due;
  detail.request_url = task.spec.url;
  detail.request_method = task.spec.method;
  executions_[detail.execution.id] = {task.organization_id, detail};
  return detail.execution;
}

std::optional<StoredReply> FakeEngine::find_reply(const Principal& principal, const IdempotencyKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = replies_.find({principal.organization_id, key.key});
  if (found == replies_.end()) return std::nullopt;
  if (found->second.request != key.request) throw KeyReused();
  return found->second.reply;
}

Reply FakeEngine::once(const Request& request, const std::function<StoredReply()>& work) {
  const std::lock_guard lock(mutex_);
  if (request.idempotency) {
    if (auto stored = find_reply(request.principal, *request.idempotency)) return {*stored, true};
  }
  auto reply = work();
  if (request.idempotency) {
    replies_[{request.principal.organization_id, request.idempotency->key}] = {request.idempotency->request, reply};
  }
  return {std::move(reply), false};
}

Reply FakeEngine::create_task(const Request& request, NewTask wanted, const Render<CreatedTask>& render) {
  if (before_create) before_create();
  return once(request, [&] {
    CreatedTask created;
    auto& task = created.task;
    task.id.value = next_id();
    task.organization_id = request.principal.organization_id;
    task.spec = std::move(wanted.spec);
    if (task.spec.name.empty()) task.spec.name = "made for " + task.spec.url;
    task.inserted_at = task.updated_at = now();
    if (task.spec.schedule_type == ScheduleType::once) {
      task.spec.scheduled_at = wanted.delay ? now() + *wanted.delay : task.spec.scheduled_at.value_or(now());
      created.scheduled_for = *task.spec.scheduled_at;
      created.execution_id = add_pending(task, created.scheduled_for).id;
      task.next_run_at = created.scheduled_for;
    } else {
      task.next_run_at = now() + std::chrono::minutes{1};
    }
    tasks_[task.id] = {task, false};
    return render(created);
  });
}

Task FakeEngine::find_task(const Principal& principal, TaskId id) {
  if (before_find) before_find();
  const std::lock_guard lock(mutex_);
  return entry(principal.organization_id, id).task;
}

Page<Task> FakeEngine::list_tasks(TaskQuery query) {
  const std::lock_guard lock(mutex_);
  std::vector<Task> rows;
  const auto key = [](const Task& task) { return list_key(task.last_execution_at, task.inserted_at, task.id.value); };
  for (const auto& [id, stored] : tasks_) {
    const auto& task = stored.task;
    const bool after = !query.after || list_key(query.after->last_execution_at, query.after->inserted_at,
                                                query.after->id.value) < key(task);
    const bool status =
        !query.status || (*query.status == ExecutionStatus::pending ? !task.last_execution_status
                                                                    : task.last_execution_status == query.status);
    if (after && status && task.organization_id == query.organization_id &&
        (!query.queue || task.spec.queue == query.queue) && (!query.without_queue || !task.spec.queue) &&
        (!query.schedule_type || task.spec.schedule_type == *query.schedule_type) &&
        (!query.name_prefix || task.spec.name.starts_with(*query.name_prefix))) {
      rows.push_back(task);
    }
  }
  return page_of(std::move(rows), query.limit, query.after ? 0 : query.offset, key);
}

Reply FakeEngine::update_task(const Request& request, TaskId id, const TaskChange& change, const Render<Task>& render) {
  return once(request, [&] {
    auto& stored = entry(request.principal.organization_id, id);
    if (change.moves_due_time && stored.finished) throw Conflict("Task has already run");
    auto spec = change.apply(stored.task);
    if (change.delay) spec.scheduled_at = now() + *change.delay;
    if (!(spec == stored.task.spec)) stored.task.updated_at = now();
    stored.task.spec = std::move(spec);
    last_change_ = change;
    return render(stored.task);
  });
}

Reply FakeEngine::delete_task(const Request& request, TaskId id, const StoredReply& reply) {
  return once(request, [&] {
    (void)entry(request.principal.organization_id, id);
    tasks_.erase(id);
    return reply;
  });
}

Reply FakeEngine::delete_queue(const Request& request, std::string_view queue, const Render<std::size_t>& render) {
  return once(request, [&] {
    return render(std::erase_if(tasks_, [&](const auto& item) {
      const auto& task = item.second.task;
      return task.organization_id == request.principal.organization_id && task.spec.queue == queue;
    }));
  });
}

Reply FakeEngine::trigger_task(const Request& request, TaskId id, const Render<StartedRun>& render) {
  return once(request, [&] {
    const auto execution = add_pending(entry(request.principal.organization_id, id).task, now());
    return render({execution.id, execution.scheduled_for});
  });
}

ExecutionDetail FakeEngine::find_execution(const Principal& principal, ExecutionId id) {
  const std::lock_guard lock(mutex_);
  const auto found = executions_.find(id);
  if (found == executions_.end() || found->second.first != principal.organization_id) throw NotFound();
  return found->second.second;
}

Page<Execution> FakeEngine::list_executions(ExecutionQuery query) {
  const std::lock_guard lock(mutex_);
  if (query.task_id) (void)entry(query.organization_id, *query.task_id);
  std::vector<Execution> rows;
  const auto key = [](const Execution& one) { return list_key(one.scheduled_for, Time{}, one.id.value); };
  for (const auto& [id, stored] : executions_) {
    const auto& one = stored.second.execution;
    const auto task = tasks_.find(one.task_id);
    const bool in_queue = !query.queue || (task != tasks_.end() && task->second.task.spec.queue == query.queue);
    if (stored.first == query.organization_id && in_queue && (!query.task_id || one.task_id == *query.task_id) &&
        (!query.status || one.status == *query.status) && (!query.since || one.scheduled_for >= *query.since) &&
        (!query.until || one.scheduled_for < *query.until) &&
        (!query.after || list_key(query.after->scheduled_for, Time{}, query.after->id.value) < key(one))) {
      rows.push_back(one);
    }
  }
  return page_of(std::move(rows), query.limit, query.after ? 0 : query.offset, key);
}

std::optional<ScheduleProblem> FakeEngine::check_schedule(std::string_view expression, std::string_view zone) const {
  if (expression != "* * * * *" && expression != "*/5 * * * *" && expression != "0 9 * * 1" && expression != "@daily") {
    return ScheduleProblem::invalid_expression;
  }
  if (zone != "UTC" && zone != "Europe/Berlin") return ScheduleProblem::unknown_timezone;
  return std::nullopt;
}

std::vector<Time> FakeEngine::preview_schedule(std::string_view expression, std::string_view zone, Time from,
                                               std::size_t count) const {
  const auto problem = check_schedule(expression, zone);
  if (problem == ScheduleProblem::invalid_expression) throw Invalid("expression", "is not a valid cron expression");
  if (problem == ScheduleProblem::unknown_timezone) throw Invalid("timezone", "is not a known time zone");
  std::vector<Time> out;
  for (std::size_t i = 1; i <= count; ++i) out.push_back(from + std::chrono::minutes{i});
  return out;
}

std::optional<TargetProblem> FakeEngine::check_target(std::string_view url) const {
  const auto scheme = url.find("://");
  const auto name = url.substr(0, scheme);
  if (scheme == std::string_view::npos || (name != "http" && name != "https")) return TargetProblem::malformed;
  const auto host = url.substr(scheme + 3, url.find_first_of("/?", scheme + 3) - scheme - 3);
  if (host.empty()) return TargetProblem::malformed;
  const bool inside = host.starts_with("127.") || host.starts_with("10.") || host.starts_with("localhost");
  return inside ? std::optional(TargetProblem::refused) : std::nullopt;
}

void FakeEngine::finish(TaskId id, ExecutionStatus status, Time at) {
  const std::lock_guard lock(mutex_);
  auto& stored = tasks_.at(id);
  stored.finished = true;
  stored.task.last_execution_at = at;
  stored.task.last_execution_status = status;
  stored.task.next_run_at.reset();
}

void FakeEngine::add_execution(const ExecutionDetail& detail, OrganizationId organization) {
  const std::lock_guard lock(mutex_);
  executions_[detail.execution.id] = {organization, detail};
}

std::size_t FakeEngine::task_count() const {
  const std::lock_guard lock(mutex_);
  return tasks_.size();
}

TaskSpec FakeEngine::spec_of(TaskId id) const {
  const std::lock_guard lock(mutex_);
  return tasks_.at(id).task.spec;
}

std::optional<TaskChange> FakeEngine::last_change() const {
  const std::lock_guard lock(mutex_);
  return last_change_;
}

}  // namespace punctual::testing
