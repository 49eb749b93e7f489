// An Engine for tests: keeps tasks and executions in memory, runs nothing. Every function may be called from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "punctual/engine.hpp"
#include "support/fake_host.hpp"

namespace punctual::testing {

inline constexpr std::string_view first_key =
    "pk_live_aaaaaaaaaaaaaaaaaaaaaaaa.sk_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
// Of another organisation.
inline constexpr std::string_view other_key =
    "pk_live_bbbbbbbbbbbbbbbbbbbbbbbb.sk_live_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeHost& host) : host_(host) {}

  [[nodiscard]] std::optional<Principal> authenticate(std::string_view api_key) override;
  [[nodiscard]] std::optional<StoredReply> find_reply(const Principal&, const IdempotencyKey&) override;
  [[nodiscard]] Reply create_task(const Request&, NewTask, const Render<CreatedTask>&) override;
  [[nodiscard]] Task find_task(const Principal&, TaskId) override;
  [[nodiscard]] Page<Task> list_tasks(TaskQuery) override;
  [[nodiscard]] Reply update_task(const Request&, TaskId, const TaskChange&, const Render<Task>&) override;
  [[nodiscard]] Reply delete_task(const Request&, TaskId, const StoredReply&) override;
  [[nodiscard]] Reply delete_queue(const Request&, std::string_view queue, const Render<std::size_t>&) override;
  [[nodiscard]] Reply trigger_task(const Request&, TaskId, const Render<StartedRun>&) override;
  [[nodiscard]] ExecutionDetail find_execution(const Principal&, ExecutionId) override;
  [[nodiscard]] Page<Execution> list_executions(ExecutionQuery) override;
  // Valid: "* * * * *", "*/5 * * * *", "0 9 * * 1" and "@daily"; zones: "UTC" and "Europe/Berlin".
  [[nodiscard]] std::optional<ScheduleProblem> check_schedule(std::string_view, std::string_view) const override;
  [[nodiscard]] std::vector<Time> preview_schedule(std::string_view, std::string_view, Time,
                                                   std::size_t) const override;
  // Refuses hosts that begin with "127.", "10." or "localhost".
  [[nodiscard]] std::optional<TargetProblem> check_target(std::string_view url) const override;
  [[nodiscard]] Time now() const noexcept override { return now_.load(); }
  [[nodiscard]] bool storage_reachable() noexcept override { return reachable; }
  [[nodiscard]] bool draining() const noexcept override { return is_draining; }
  [[nodiscard]] Metrics& metrics() noexcept override { return host_.metrics(); }

  // ---- For tests.

  void set_now(Time now) { now_ = now; }
  // Gives the task's last execution an end.
  void finish(TaskId id, ExecutionStatus status, Time at);
  void add_execution(const ExecutionDetail& detail, OrganizationId organization);
  [[nodiscard]] std::size_t task_count() const;
  [[nodiscard]] TaskSpec spec_of(TaskId id) const;
  [[nodiscard]] std::optional<TaskChange> last_change() const;
  [[nodiscard]] static OrganizationId first_organization();

  // Runs at the beginning of create_task and find_task, on the request's thread; may wait or throw. Set before requests are made.
  std::function<void()> before_create;
  std::function<void()> before_find;
  std::atomic<bool> reachable{true};
  std::atomic<bool> is_draining{false};
  std::atomic<int> authentications{0};

 private:
  struct Stored {
    Digest request{};
    StoredReply reply;
  };
  struct Entry {
    Task task;
    bool finished = false;
  };

  Uuid next_id();
  Entry& entry(OrganizationId organization, TaskId id);
  Execution add_pending(const Task& task, Time due);
  // Looks the key up, or runs `work` and keeps what it gives.
  Reply once(const Request& request, const std::function<StoredReply()>& work);

  FakeHost& host_;
  std::atomic<Time> now_{Time{std::chrono::sys_days{std::chrono::year{2026} / 1 / 15}} + std::chrono::hours{12}};
  mutable std::recursive_mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::map<TaskId, Entry> tasks_;
  std::map<ExecutionId, std::pair<OrganizationId, ExecutionDetail>> executions_;
  std::map<std::pair<OrganizationId, std::string>, Stored> replies_;
  std::optional<TaskChange> last_change_;
};

}  // namespace punctual::testing
