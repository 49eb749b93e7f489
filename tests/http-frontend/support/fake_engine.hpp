// An Engine for tests of the HTTP layer: it takes tasks and gives them back, knows nothing else, and fails or waits when it is
// told to. What an engine really does is tested behind the API in tests/api. Every function may be called from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>

#include "punctual/engine.hpp"
#include "support/api_keys.hpp"
#include "support/fake_host.hpp"

namespace punctual::testing {

class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeHost& host) : host_(host) {}

  [[nodiscard]] std::optional<Principal> authenticate(std::string_view api_key) override;
  [[nodiscard]] Reply create_task(const Request&, NewTask, const Render<CreatedTask>&) override;
  [[nodiscard]] Task find_task(const Principal&, TaskId) override;
  [[nodiscard]] Reply trigger_task(const Request&, TaskId, const Render<StartedRun>&) override;

  // Every request is a new one, every list is empty, nothing can be changed, and nothing is wrong with any text.
  [[nodiscard]] std::optional<StoredReply> find_reply(const Principal&, const IdempotencyKey&) override { return {}; }
  [[nodiscard]] Page<Task> list_tasks(TaskQuery) override { return {}; }
  [[nodiscard]] Reply create_tasks(const Request&, std::vector<NewTask>,
                                   const Render<std::span<const NewWork>>& render) override {
    return {render({})};
  }
  [[nodiscard]] Reply sync_tasks(const Request&, const TaskSync&, const Render<SyncedTasks>& render) override {
    return {render({})};
  }
  [[nodiscard]] Reply update_task(const Request&, TaskId, const TaskChange&, const Render<Task>&) override {
    throw NotFound();
  }
  [[nodiscard]] Reply delete_task(const Request&, TaskId, const StoredReply&) override { throw NotFound(); }
  [[nodiscard]] Reply delete_queue(const Request&, std::string_view, const Render<std::size_t>& render) override {
    return {render(0)};
  }
  [[nodiscard]] std::vector<Queue> list_queues(const Principal&) override { return {}; }
  [[nodiscard]] Queue find_queue(const Principal&, std::string_view) override { throw NotFound(); }
  [[nodiscard]] Reply change_queue(const Request&, std::string_view, const QueueChange&,
                                   const Render<Queue>&) override {
    throw NotFound();
  }
  [[nodiscard]] Reply forget_queue(const Request&, std::string_view, const StoredReply&) override { throw NotFound(); }
  [[nodiscard]] Reply pause_queue(const Request&, std::string_view, const StoredReply&) override { throw NotFound(); }
  [[nodiscard]] Reply resume_queue(const Request&, std::string_view, const StoredReply&) override { throw NotFound(); }
  [[nodiscard]] ExecutionDetail find_execution(const Principal&, ExecutionId) override { throw NotFound(); }
  [[nodiscard]] Page<Execution> list_executions(ExecutionQuery) override { return {}; }
  [[nodiscard]] Reply cancel_execution(const Request&, ExecutionId, const Render<Execution>&) override {
    throw NotFound();
  }
  [[nodiscard]] Reply retry_execution(const Request&, ExecutionId, const Render<StartedRun>&) override {
    throw NotFound();
  }
  [[nodiscard]] Reply retry_executions(const Request&, const RetryFilter&, std::size_t,
                                       const Render<std::size_t>& render) override {
    return {render(0)};
  }
  [[nodiscard]] std::optional<Time> kept_since(const Principal&) const override { return {}; }
  [[nodiscard]] std::vector<Channel> list_channels(const Principal&) override { return {}; }
  [[nodiscard]] Channel find_channel(const Principal&, ChannelId) override { throw NotFound(); }
  [[nodiscard]] Reply create_channel(const Request&, ChannelSpec, const Render<Channel>&) override { throw NotFound(); }
  [[nodiscard]] Reply update_channel(const Request&, ChannelId, const ChannelChange&, const Render<Channel>&) override {
    throw NotFound();
  }
  [[nodiscard]] Reply delete_channel(const Request&, ChannelId, const StoredReply&) override { throw NotFound(); }
  [[nodiscard]] NotifierOutcome test_channel(const Principal&, ChannelId) override { throw NotFound(); }
  [[nodiscard]] Page<NoticeRecord> list_notices(const NoticeQuery&) override { throw NotFound(); }
  [[nodiscard]] Reply retry_notices(const Request&, ChannelId, const Render<std::size_t>&) override {
    throw NotFound();
  }
  [[nodiscard]] std::vector<NotifierInfo> list_notifiers() const override { return {}; }
  [[nodiscard]] Page<AuditRecord> list_audit(const AuditQuery&) override { return {}; }
  [[nodiscard]] std::optional<ScheduleProblem> check_schedule(std::string_view, std::string_view) const override {
    return {};
  }
  [[nodiscard]] std::vector<Time> preview_schedule(std::string_view, std::string_view, Time,
                                                   std::size_t) const override {
    return {};
  }
  [[nodiscard]] std::optional<TargetProblem> check_target(std::string_view) const override { return {}; }

  [[nodiscard]] Time now() const noexcept override { return host_.now(); }
  [[nodiscard]] bool storage_reachable() noexcept override { return reachable; }
  [[nodiscard]] bool draining() const noexcept override { return is_draining; }
  [[nodiscard]] Metrics& metrics() noexcept override { return host_.metrics(); }

  // ---- For tests.

  [[nodiscard]] std::size_t task_count() const;

  // Runs at the beginning of create_task, on the request's thread; may wait or throw. Set before requests are made.
  std::function<void()> before_create;
  std::atomic<bool> reachable{true};
  std::atomic<bool> is_draining{false};
  std::atomic<int> authentications{0};

 private:
  FakeHost& host_;
  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::map<TaskId, Task> tasks_;
};

}  // namespace punctual::testing
