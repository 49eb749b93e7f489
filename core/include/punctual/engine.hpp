// Engine: what a frontend may ask for. Implemented by the core, handed to Frontend::start.
//
// All functions may be called from many threads at once and block until the answer is durable. They throw NotFound,
// Conflict, Invalid, KeyReused, LimitExceeded, Unavailable, Timeout (errors.hpp); anything else is a bug.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/channels.hpp"
#include "punctual/errors.hpp"
#include "punctual/execution_changes.hpp"
#include "punctual/ids.hpp"
#include "punctual/metrics.hpp"
#include "punctual/model.hpp"
#include "punctual/plugin.h"
#include "punctual/queues.hpp"
#include "punctual/storage.hpp"
#include "punctual/time.hpp"
#include "punctual/transport.hpp"

namespace punctual {

// Who is asking.
struct Principal {
  OrganizationId organization_id;
  KeyId key_id;
  std::string key_public_id;
  std::vector<std::string> signing_secrets;   // the organisation's, for work claimed at insert
  OrganizationLimits limits = {};             // the organisation's, as they were at most some seconds ago
  std::optional<Time> old_secret_until = {};  // Organization::old_secret_until
  std::string organization_name = {};
};

// A client's wish to have a request happen once.
struct IdempotencyKey {
  std::string key;   // 1..255 bytes
  Digest request{};  // SHA-256 over method, path with query, and body
};

struct Request {
  const Principal& principal;
  std::optional<IdempotencyKey> idempotency;
};

struct Reply {
  StoredReply content;
  bool replayed = false;  // content is what an earlier request with this key was answered
};

// Writes the answer of a request from what it made. Called before the commit while the caller waits, perhaps more than once
// (when a change is tried again) and on another thread; the last call counts. Must not call the engine.
template <class T>
using Render = std::function<StoredReply(const T&)>;

// A task to be made. `spec.name` empty: the default name. A once task without scheduled_at is due now.
struct NewTask {
  TaskSpec spec;
  std::optional<seconds> delay;  // due this long after now; scheduled_at is not set then
};

struct CreatedTask {
  Task task;
  std::optional<ExecutionId> execution_id;  // none for cron
  Time scheduled_for;                       // once: the due time
};

// What a sync asks of one cron task, which its name stands for.
struct SyncTask {
  std::string name;
  // The spec the task is to have: made of the stored one's (null: there is none of this name yet). Throws Invalid. Called
  // before the commit, perhaps more than once and on another thread; must ask nothing of storage.
  std::function<TaskSpec(const TaskSpec* present)> apply;
};

struct TaskSync {
  std::vector<SyncTask> tasks;  // no name twice
  bool remove_others = false;   // cron tasks of other names are deleted
};

// The names of the tasks that a sync has changed, in the order given; of the removed ones in the order of their making.
struct SyncedTasks {
  std::vector<std::string> created;
  std::vector<std::string> updated;  // those that are not as they were
  std::vector<std::string> removed;
};

struct StartedRun {
  ExecutionId execution_id;
  Time scheduled_for;
};

// Makes the new spec of a task from its present state; throws Invalid or Conflict. Called before the commit on the
// caller's thread, perhaps more than once.
struct TaskChange {
  std::function<TaskSpec(const Task&)> apply;
  bool moves_due_time = false;   // the client gave a delay or a time for a one-time task
  std::optional<seconds> delay;  // with moves_due_time: due this long after now, instead of spec.scheduled_at
};

// What a client decides about a channel. Every value but `settings` has passed validation.
struct ChannelSpec {
  std::string name;  // empty: that of the plugin
  std::string plugin;
  std::string settings = "{}";  // JSON object: texts by the whole or short names of the plugin's settings
  NoticeEvents events;
  bool enabled = true;
};

// Makes the new spec of a channel from its present state; may throw Invalid. Called before the commit on the caller's thread,
// perhaps more than once.
using ChannelChange = std::function<ChannelSpec(const Channel&)>;

struct NotifierSetting {
  std::string name;  // whole
  punctual_setting_type type = PUNCTUAL_STRING;
  std::string default_value;
  std::string help;
  bool of_server = false;  // a channel may not set it
};

struct NotifierInfo {
  std::string name;
  std::string version;
  std::vector<NotifierSetting> settings;
};

// What came of telling a channel something.
struct NotifierOutcome {
  enum class Kind : std::uint8_t { delivered, retry_later, give_up, cancelled };
  Kind kind = Kind::delivered;
  std::string error;  // one line; empty when there is nothing to say
  milliseconds duration{};
};

enum class ScheduleProblem : std::uint8_t {
  invalid_expression,  // not a cron expression, or one that can never match
  unknown_timezone,
};

class Engine {
 public:
  // ---- who

  // Reads "pk_live_….sk_live_…". nullopt: not a valid key.
  [[nodiscard]] virtual std::optional<Principal> authenticate(std::string_view api_key) = 0;

  // ---- repeated requests

  // What the same request with this key was answered before. Throws KeyReused.
  [[nodiscard]] virtual std::optional<StoredReply> find_reply(const Principal& principal,
                                                              const IdempotencyKey& key) = 0;

  // ---- tasks

  [[nodiscard]] virtual Reply create_task(const Request& request, NewTask task, const Render<CreatedTask>& render) = 0;
  // All of them in one commit, or none; one or more. Their ids and their places in queues are in the order given. Rendered
  // with what is stored, in that order.
  [[nodiscard]] virtual Reply create_tasks(const Request& request, std::vector<NewTask> tasks,
                                           const Render<std::span<const NewWork>>& render) = 0;
  // Makes the cron tasks of the organisation those of `sync`, in one commit; other syncs wait for it. What is wrong with a
  // task is Invalid under its place, "tasks[3].cron".
  [[nodiscard]] virtual Reply sync_tasks(const Request& request, const TaskSync& sync,
                                         const Render<SyncedTasks>& render) = 0;
  [[nodiscard]] virtual Task find_task(const Principal& principal, TaskId id) = 0;
  [[nodiscard]] virtual Page<Task> list_tasks(TaskQuery query) = 0;
  [[nodiscard]] virtual Reply update_task(const Request& request, TaskId id, const TaskChange& change,
                                          const Render<Task>& render) = 0;
  [[nodiscard]] virtual Reply delete_task(const Request& request, TaskId id, const StoredReply& reply) = 0;
  // Rendered with the number of cancelled tasks.
  [[nodiscard]] virtual Reply delete_queue(const Request& request, std::string_view queue,
                                           const Render<std::size_t>& render) = 0;
  [[nodiscard]] virtual Reply trigger_task(const Request& request, TaskId id, const Render<StartedRun>& render) = 0;

  // ---- queues

  // Those for which something is set and those with work that has not ended, by name.
  [[nodiscard]] virtual std::vector<Queue> list_queues(const Principal& principal) = 0;
  // NotFound: nothing is set for it, and it has no such work.
  [[nodiscard]] virtual Queue find_queue(const Principal& principal, std::string_view name) = 0;
  [[nodiscard]] virtual Reply change_queue(const Request& request, std::string_view name, const QueueChange& change,
                                           const Render<Queue>& render) = 0;
  // Takes back what is set, a pause too. NotFound as in find_queue.
  [[nodiscard]] virtual Reply forget_queue(const Request& request, std::string_view name, const StoredReply& reply) = 0;
  // Once it returns nothing of the queue is sent, on any server, until it is resumed; what is being sent goes on.
  [[nodiscard]] virtual Reply pause_queue(const Request& request, std::string_view name, const StoredReply& reply) = 0;
  [[nodiscard]] virtual Reply resume_queue(const Request& request, std::string_view name, const StoredReply& reply) = 0;

  // ---- executions

  // Userinfo in `request_url` is masked.
  [[nodiscard]] virtual ExecutionDetail find_execution(const Principal& principal, ExecutionId id) = 0;
  // `query.now` is set by the engine. Of a deleted task too; with a task_id of which there is neither a task nor an
  // execution: NotFound.
  [[nodiscard]] virtual Page<Execution> list_executions(ExecutionQuery query) = 0;
  // A pending execution is `cancelled` at once. One that is being sent stays `running` for a moment: it is aborted, on
  // whichever server sends it, ends as cancelled whatever comes back, and is not tried again. Conflict: it has ended.
  [[nodiscard]] virtual Reply cancel_execution(const Request& request, ExecutionId id,
                                               const Render<Execution>& render) = 0;
  // A new run of a finished execution, due now, also of a disabled task. Conflict: it has not ended, or its task is deleted.
  [[nodiscard]] virtual Reply retry_execution(const Request& request, ExecutionId id,
                                              const Render<StartedRun>& render) = 0;
  // The same for up to `limit` executions, the earliest by scheduled_for first; of a run only the last attempt, and none that
  // was retried before; no more than the quota of the month leaves room for, LimitExceeded when that is none. Rendered with
  // how many there were. With a task_id that does not exist: NotFound.
  [[nodiscard]] virtual Reply retry_executions(const Request& request, const RetryFilter& filter, std::size_t limit,
                                               const Render<std::size_t>& render) = 0;

  // What of the organisation ended before this is kept no longer, though it may still be stored: lists are to pass over it.
  // nullopt: nothing is stored that long.
  [[nodiscard]] virtual std::optional<Time> kept_since(const Principal& principal) const = 0;

  // ---- channels; their settings are given with secrets masked

  // By name.
  [[nodiscard]] virtual std::vector<Channel> list_channels(const Principal& principal) = 0;
  [[nodiscard]] virtual Channel find_channel(const Principal& principal, ChannelId id) = 0;
  // Invalid: the name is taken, there is no such plugin, or a setting is wrong, also by what the plugin says itself. LimitExceeded: Channels::most_channels.
  [[nodiscard]] virtual Reply create_channel(const Request& request, ChannelSpec spec,
                                             const Render<Channel>& render) = 0;
  [[nodiscard]] virtual Reply update_channel(const Request& request, ChannelId id, const ChannelChange& change,
                                             const Render<Channel>& render) = 0;
  [[nodiscard]] virtual Reply delete_channel(const Request& request, ChannelId id, const StoredReply& reply) = 0;
  // Tells the channel, also a disabled one, of an event of kind "test" and waits for what comes of it.
  [[nodiscard]] virtual NotifierOutcome test_channel(const Principal& principal, ChannelId id) = 0;
  // NotFound: no such channel.
  [[nodiscard]] virtual Page<NoticeRecord> list_notices(const NoticeQuery& query) = 0;
  // What was given up is told again. Rendered with how many notices that are.
  [[nodiscard]] virtual Reply retry_notices(const Request& request, ChannelId id,
                                            const Render<std::size_t>& render) = 0;
  // The notifier plugins that channels may use.
  [[nodiscard]] virtual std::vector<NotifierInfo> list_notifiers() const = 0;

  // ---- audit

  [[nodiscard]] virtual Page<AuditRecord> list_audit(const AuditQuery& query) = 0;

  // ---- checks that need more than the text

  [[nodiscard]] virtual std::optional<ScheduleProblem> check_schedule(std::string_view expression,
                                                                      std::string_view timezone) const = 0;
  // The first `count` instants strictly after `from`; throws Invalid on `expression` or `timezone`.
  [[nodiscard]] virtual std::vector<Time> preview_schedule(std::string_view expression, std::string_view timezone,
                                                           Time from, std::size_t count) const = 0;
  [[nodiscard]] virtual std::optional<TargetProblem> check_target(std::string_view url) const = 0;

  // ---- the server itself

  [[nodiscard]] virtual Time now() const noexcept = 0;
  [[nodiscard]] virtual bool storage_reachable() noexcept = 0;
  [[nodiscard]] virtual bool draining() const noexcept = 0;
  [[nodiscard]] virtual Metrics& metrics() noexcept = 0;

 protected:
  ~Engine() = default;
};

}  // namespace punctual
