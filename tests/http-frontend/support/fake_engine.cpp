#include "support/fake_engine.hpp"

namespace punctual::testing {

namespace {

template <class Id>
Id numbered(std::uint64_t number) {
  Id id;
  for (std::size_t i = 0; i < 8; ++i) id.value.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

}  // namespace

std::optional<Principal> FakeEngine::authenticate(std::string_view api_key) {
  ++authentications;
  const std::uint64_t number = api_key == first_key ? 1 : api_key == other_key ? 2 : 0;
  if (number == 0) return std::nullopt;
  return Principal{numbered<OrganizationId>(number), numbered<KeyId>(number), std::string(api_key.substr(0, 32)), {}};
}

Reply FakeEngine::create_task(const Request&, NewTask wanted, const Render<CreatedTask>& render) {
  if (before_create) before_create();
  const std::lock_guard lock(mutex_);
  CreatedTask created;
  created.task.id = numbered<TaskId>(++last_id_);
  created.task.spec = std::move(wanted.spec);
  created.execution_id = numbered<ExecutionId>(last_id_);
  created.scheduled_for = now();
  tasks_[created.task.id] = created.task;
  return {render(created)};
}

Task FakeEngine::find_task(const Principal&, TaskId id) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) throw NotFound();
  return found->second;
}

Reply FakeEngine::trigger_task(const Request& request, TaskId id, const Render<StartedRun>& render) {
  (void)find_task(request.principal, id);
  return {render({{}, now()})};
}

std::size_t FakeEngine::task_count() const {
  const std::lock_guard lock(mutex_);
  return tasks_.size();
}

}  // namespace punctual::testing
