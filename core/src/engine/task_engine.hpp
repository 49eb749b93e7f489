// TaskEngine: the Engine. Owns the threads that claim, fire, settle, materialise cron schedules and rescue; knows storage
// and transports by their interfaces alone. The way of a task: submit → Intake → Dispatcher → Transport → Settler.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/clock.hpp"
#include "engine/notifiers.hpp"
#include "punctual/engine.hpp"
#include "punctual/host.hpp"
#include "punctual/plugin.h"

namespace punctual {

struct EngineSettings {
  std::size_t max_in_flight = 10000;  // executions sent or waiting in the due wheel of this node
  std::size_t claim_batch = 1000;
  milliseconds claim_ahead{1000};
  milliseconds poll_interval{1000};  // the safety net behind wake-ups
  milliseconds heartbeat_interval{1000};
  milliseconds node_timeout{10000};
  milliseconds max_clock_offset{5000};             // 0: clocks are not compared
  milliseconds retention = std::chrono::days{30};  // of what has finished
  milliseconds audit_retention = std::chrono::days{365};
  milliseconds retry_base{15000};
  milliseconds retry_cap{3600000};
  int retry_jitter_percent = 20;
  bool retry_client_errors = false;
  bool compat_headers = true;
  std::size_t max_callbacks_in_flight = 1000;  // of this node
  milliseconds callback_timeout{10000};        // of one attempt
  bool host_limits = true;                     // hosts that fail or ask for a pause are left alone for a while
  std::string public_url;                      // where clients reach this server; "": not known
  seconds queue_patience{600};                 // a head that has not ended for so long stalls its queue
  milliseconds dead_notice_retention = std::chrono::days{30};

  // A server that could not renew its lease for this long stops sending: others will soon take it for dead.
  [[nodiscard]] milliseconds silence_before_suspension() const {
    return std::min<milliseconds>(seconds{5}, node_timeout / 2);
  }

  // From the host's settings, as declared by engine_settings().
  [[nodiscard]] static EngineSettings read(const Settings& settings);
};

// The settings the engine understands (engine.*, retry.*, some of delivery.*).
[[nodiscard]] std::span<const punctual_setting> engine_settings();

class TaskEngine final : public Engine {
 public:
  // All arguments outlive the engine. The store must have been migrated.
  TaskEngine(Storage& storage, std::span<Transport* const> transports, Notifiers& notifiers, Clock& clock, Host& host,
             const EngineSettings& settings);
  // Without notifiers.
  TaskEngine(Storage& storage, std::span<Transport* const> transports, Clock& clock, Host& host,
             const EngineSettings& settings);
  ~TaskEngine();  // drain(0) unless drained

  // Takes the lease (throws Conflict when another server has the store) and starts the threads. Main thread, once.
  void start();

  // Takes no new work (Unavailable), gives attempts under way `limit` to end, returns the rest to pending, stops the
  // threads, ends the lease. Main thread; a second call does nothing.
  void drain(milliseconds limit) noexcept;

  [[nodiscard]] std::optional<Principal> authenticate(std::string_view api_key) override;
  [[nodiscard]] std::optional<StoredReply> find_reply(const Principal&, const IdempotencyKey&) override;
  [[nodiscard]] Reply create_task(const Request&, NewTask, const Render<CreatedTask>&) override;
  [[nodiscard]] Reply create_tasks(const Request&, std::vector<NewTask>,
                                   const Render<std::span<const NewWork>>&) override;
  [[nodiscard]] Reply sync_tasks(const Request&, const TaskSync&, const Render<SyncedTasks>&) override;
  [[nodiscard]] Task find_task(const Principal&, TaskId) override;
  [[nodiscard]] Page<Task> list_tasks(TaskQuery) override;
  [[nodiscard]] Reply update_task(const Request&, TaskId, const TaskChange&, const Render<Task>&) override;
  [[nodiscard]] Reply delete_task(const Request&, TaskId, const StoredReply&) override;
  [[nodiscard]] Reply delete_queue(const Request&, std::string_view queue, const Render<std::size_t>&) override;
  [[nodiscard]] Reply trigger_task(const Request&, TaskId, const Render<StartedRun>&) override;
  [[nodiscard]] std::vector<Queue> list_queues(const Principal&) override;
  [[nodiscard]] Queue find_queue(const Principal&, std::string_view name) override;
  [[nodiscard]] Reply change_queue(const Request&, std::string_view name, const QueueChange&,
                                   const Render<Queue>&) override;
  [[nodiscard]] Reply forget_queue(const Request&, std::string_view name, const StoredReply&) override;
  [[nodiscard]] Reply pause_queue(const Request&, std::string_view name, const StoredReply&) override;
  [[nodiscard]] Reply resume_queue(const Request&, std::string_view name, const StoredReply&) override;
  [[nodiscard]] ExecutionDetail find_execution(const Principal&, ExecutionId) override;
  [[nodiscard]] Page<Execution> list_executions(ExecutionQuery) override;
  [[nodiscard]] Reply cancel_execution(const Request&, ExecutionId, const Render<Execution>&) override;
  [[nodiscard]] Reply retry_execution(const Request&, ExecutionId, const Render<StartedRun>&) override;
  [[nodiscard]] Reply retry_executions(const Request&, const RetryFilter&, std::size_t limit,
                                       const Render<std::size_t>&) override;
  [[nodiscard]] std::optional<Time> kept_since(const Principal&) const override;
  [[nodiscard]] std::vector<Channel> list_channels(const Principal&) override;
  [[nodiscard]] Channel find_channel(const Principal&, ChannelId) override;
  [[nodiscard]] Reply create_channel(const Request&, ChannelSpec, const Render<Channel>&) override;
  [[nodiscard]] Reply update_channel(const Request&, ChannelId, const ChannelChange&, const Render<Channel>&) override;
  [[nodiscard]] Reply delete_channel(const Request&, ChannelId, const StoredReply&) override;
  [[nodiscard]] NotifierOutcome test_channel(const Principal&, ChannelId) override;
  [[nodiscard]] Page<NoticeRecord> list_notices(const NoticeQuery&) override;
  [[nodiscard]] Reply retry_notices(const Request&, ChannelId, const Render<std::size_t>&) override;
  [[nodiscard]] std::vector<NotifierInfo> list_notifiers() const override;
  [[nodiscard]] Page<AuditRecord> list_audit(const AuditQuery&) override;
  [[nodiscard]] std::optional<ScheduleProblem> check_schedule(std::string_view, std::string_view) const override;
  [[nodiscard]] std::vector<Time> preview_schedule(std::string_view, std::string_view, Time,
                                                   std::size_t) const override;
  [[nodiscard]] std::optional<TargetProblem> check_target(std::string_view url) const override;
  [[nodiscard]] Time now() const noexcept override;
  [[nodiscard]] bool storage_reachable() noexcept override;
  [[nodiscard]] bool draining() const noexcept override;
  [[nodiscard]] Metrics& metrics() noexcept override;

 private:
  struct Parts;
  void look_at_queues();
  void show_claim(Execution& execution);
  [[nodiscard]] Channel shown(Channel channel) const;
  void require_works(const Channel& channel);
  [[nodiscard]] Channel stored_channel(const Principal& principal, ChannelId id);
  [[nodiscard]] bool knows_task(const ExecutionQuery& query);
  std::unique_ptr<Parts> parts_;
};

}  // namespace punctual
