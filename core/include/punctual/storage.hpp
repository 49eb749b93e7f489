// Storage: keeps everything durably. A backend implements the roles below; tests/storage is their specification and runs
// against every backend.
//
// All functions of all roles may be called from many threads at once; the backend owns its connections. Every write is one
// transaction: when it returns it is on disk with the database's durability on, when it throws nothing of it happened
// (Timeout: it may have). Instants are given by the caller; a backend never asks its own clock for a due time.
// Throws Unavailable (try again later), Timeout, Corrupt; other errors are named where they occur.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/audit.hpp"
#include "punctual/hosts.hpp"
#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/outbox.hpp"
#include "punctual/page.hpp"
#include "punctual/quotas.hpp"
#include "punctual/time.hpp"

namespace punctual {

// ---- Idempotency: a reply stored in the transaction of the work it answers.

struct StoredReply {
  int status = 0;
  std::string body;
  friend bool operator==(const StoredReply&, const StoredReply&) = default;
};

// Makes a write happen once for one key. Scope: organisation and key. Kept for 24 h from `at`.
struct IdempotencyRecord {
  std::string key;   // 1..255 bytes
  Digest request{};  // of method, path with query, and body: the same key with another digest is refused
  Time at;
  StoredReply reply;  // what a repetition is answered with
};

enum class WriteResult : std::uint8_t {
  applied,
  replayed,    // the key was used before for the same request: `replay` is what was stored then; nothing was written
  key_reused,  // the key was used before for another request; nothing was written
  stale,       // the thing has changed since it was read; nothing was written
  not_found,   // the thing is not there; nothing was written
  conflict,    // its state does not allow it; nothing was written
  held_elsewhere,  // another server has claimed it, or what it needs, and keeps silent about it; nothing was written
  limit_exceeded,  // it would go beyond a limit of its organisation; nothing was written
};

// ---- The hot path.

struct NewExecution {
  ExecutionId id;
  ExecutionId run_id;
  int attempt = 1;
  Time scheduled_for;
};

// One accepted request: a new task and, unless it is a cron task, its first execution.
struct NewWork {
  Task task;
  std::optional<NewExecution> execution;
  // Set: the execution is inserted as claimed by the batch's node, unless its organisation has a cap or it has a queue.
  std::optional<ClaimToken> claim;
  std::optional<IdempotencyRecord> idempotency;
  std::optional<AuditEntry> audit = {};  // written with it, once however often the item is sent
};

struct InsertOutcome {
  // applied, replayed, key_reused; conflict: the item cannot be stored (unknown organisation, execution id in use);
  // held_elsewhere: a server holds a key, line or limit that it needs, and it may be sent again; or limit_exceeded: by an
  // execution monthly_executions, by a cron task max_tasks. Items of a batch that do not all fit are taken in their order.
  WriteResult result = WriteResult::applied;
  std::optional<StoredReply> replay;
  bool claimed = false;  // applied, and stored as claimed with this token, also when an earlier call stored it
};

// Everything needed to deliver one attempt: one round trip, nothing is read again later.
struct Claimed {
  ExecutionId id;
  ExecutionId run_id;
  TaskId task_id;
  OrganizationId organization_id;
  ClaimToken token{};
  int attempt = 1;
  int rescues = 0;  // how often this attempt was given back because its node died
  Time scheduled_for;
  Time task_updated_at;
  Method method = Method::post;
  std::string url;
  Headers headers;
  std::string body;
  milliseconds timeout{};
  ScheduleType schedule_type = ScheduleType::once;
  int retry_attempts = 0;
  std::optional<seconds> retry_delay;
  std::optional<seconds> retry_max_delay;
  std::optional<seconds> expires_in;
  std::optional<std::string> expected_status_codes;
  std::optional<std::string> expected_body_pattern;
  std::optional<std::string> queue;
  std::vector<std::string> signing_secrets;  // the organisation's, newest first
  std::optional<Time> old_secret_until;      // Organization::old_secret_until
  bool capped = false;  // its organisation may run only so many at once: its end may make room for another
  std::optional<std::string> callback_url;
  std::optional<std::string> on_failure_url;
  std::optional<std::string> on_recovery_url;
  std::string task_name;  // empty unless on_failure_url or on_recovery_url is set
};

// How many of one organisation a claim may bring.
struct Share {
  OrganizationId organization_id;
  std::size_t most = 0;
};

struct ClaimRequest {
  NodeId node;
  ClaimToken token{};  // the same for all executions of this claim
  Time now;
  // Claim what is due at or before this; executions with a queue, and those of an organisation with a cap, only at or
  // before `now`.
  Time horizon;
  std::size_t limit = 0;
  std::size_t share = std::numeric_limits<std::size_t>::max();  // most of an organisation that `shares` does not name
  std::vector<Share> shares;
};

struct ClaimResult {
  std::vector<Claimed> claimed;  // ordered by scheduled_for, then id
  // When the earliest execution that is pending after this claim is due. A queued one that must wait for its line does not
  // count: settling the one before it is what makes it claimable; one that must wait for the rate of its queue counts from
  // when that lets it go. Nor does one that is held for its host count. What a cap, a share or another server's claim under way
  // holds back may count. nullopt: nothing is pending.
  std::optional<Time> next_due;
};

struct ClaimRef {
  ExecutionId id;
  ClaimToken token{};
  friend auto operator<=>(const ClaimRef&, const ClaimRef&) = default;
};

// A claim whose request was sent at `at`.
struct StartedClaim {
  ClaimRef claim;
  Time at;
};

struct Retry {
  ExecutionId id;
  Time scheduled_for;
};

// The end of one attempt.
struct Settlement {
  ExecutionId id;
  ClaimToken token{};
  TaskId task_id;
  ExecutionStatus status = ExecutionStatus::failed;  // success, failed, timeout, missed or cancelled
  std::optional<Time> started_at;
  Time finished_at;
  std::optional<int> status_code;
  std::optional<milliseconds> duration;
  std::optional<std::string> error_message;
  std::optional<std::string> response_body;
  Headers response_headers;
  Method request_method = Method::post;
  std::string request_url;
  // The next attempt of the run: inserted as pending with attempt + 1, unless the task is deleted or disabled.
  std::optional<Retry> retry;
  // Set: the task is disabled (its pending executions are cancelled) and this line is written to the audit log.
  std::optional<AuditEntry> disable;
  // What may be told of this end. Stored in the outbox, due at finished_at: execution_completed always; task_failed when it
  // is the end of its run (no retry was stored), it is failed, timeout or missed, and the run of the task that ended before
  // it, if any, had not failed in that way; task_recovered when it is a success and that one had. The runs of a task end in
  // the order in which their last results are stored, in one batch in that of finished_at; one whose last attempt was
  // cancelled does not count. The same ends are what notices are stored about (channels.hpp), whatever is given here.
  std::vector<NewMessage> messages;
};

enum class SettleOutcome : std::uint8_t {
  settled,
  settled_without_retry,  // a retry was asked for, but the task is deleted or disabled
  cancelled,  // a client had cancelled it: that is how it has ended, and without a retry, whatever was asked for
  stale,      // the claim is no longer this one: nothing was changed
};

class WorkStore {
 public:
  virtual ~WorkStore() = default;

  // Stores all of it in one transaction, in item order; one outcome an item, in order. The same idempotency key twice in a
  // batch: the second replays the first. An item whose task id is stored already is `applied` and changes nothing (a batch
  // may be sent again after an ambiguous failure). One bad item never fails its neighbours.
  [[nodiscard]] virtual std::vector<InsertOutcome> insert(NodeId node, std::span<const NewWork> batch) = 0;

  // Claims up to `limit` pending executions of enabled or disabled but not deleted tasks. Each organisation's come earliest
  // first; when more is due than `limit`, organisations take turns. An organisation with a cap never has more running than
  // that, on all servers together.
  //
  // Executions with a queue form one line per (organisation, queue), ordered by due time then id. As many as the queue's
  // concurrency (QueueStore) have a slot: what is running first, then what has been claimed before or is a retry, then the
  // next of the line. Only what has a slot is claimed, and what was never claimed before in the order of the line; with a
  // concurrency of 1 that is the head of the line alone, never while another of it is running, and a waiting retry is the
  // head. Of a paused line nothing is claimed, and of one with a rate only as much as that leaves at `now`. Where several
  // servers store work, what is due when it is stored takes its place behind what was so stored before, whatever their clocks
  // say. What is held for its host (HostStates) is not claimed; a held head of a line stays its head.
  [[nodiscard]] virtual ClaimResult claim(const ClaimRequest& request) = 0;

  // Writes results, one transaction for all; one outcome an item, in order. Each is guarded by (execution, token). Updates
  // the task's last_execution_at (to finished_at, never backwards), last_execution_status and next_run_at of one-time tasks.
  // What ExecutionChanges::cancel has marked ends as cancelled; what came back is kept with it.
  [[nodiscard]] virtual std::vector<SettleOutcome> settle(std::span<const Settlement> batch) = 0;

  // Gives claims back: pending again with the same attempt and due time, claimable at once; cancelled, where the task is
  // deleted or ExecutionChanges::cancel has marked them. Stale ones are ignored.
  virtual void release(std::span<const ClaimRef> claims) = 0;

  // Tells other servers that these are under way: a change of their task leaves them alone from now on. Stale ones are
  // ignored.
  virtual void mark_started(std::span<const StartedClaim> claims) = 0;
};

// ---- Leases: which server process may hold claims.

struct NodeInfo {
  NodeId id;         // made by the caller, new for every lease
  std::string host;  // of the machine
  std::int64_t pid = 0;
  Time at;
};

struct RescueReport {
  std::size_t executions = 0;  // returned to pending
  std::size_t nodes = 0;       // found dead
  std::size_t messages = 0;    // of the outbox, given back
  std::size_t notices = 0;     // of channels, given back
};

// A server that has a lease.
struct NodeStatus {
  NodeInfo node;           // `at`: when it took the lease
  milliseconds silent{0};  // since its last heartbeat
  std::size_t claims = 0;
};

// Claims are those of executions, of messages in the outbox and of notices.
class Leases {
 public:
  virtual ~Leases() = default;

  // The database's clock, where it is not this machine's.
  [[nodiscard]] virtual std::optional<Time> database_time() = 0;

  // Takes a lease for a server process. A backend that allows one server returns all claims of former leases to pending
  // here (each counts as one rescue) and throws Conflict, naming the holder, while another process has the lease.
  [[nodiscard]] virtual RescueReport acquire(const NodeInfo& node) = 0;

  // Keeps it. False: the lease was judged dead meanwhile; the node must stop sending and take a new one.
  [[nodiscard]] virtual bool heartbeat(NodeId node, Time now) = 0;

  // Returns the claims of nodes that have been silent for `silence` to pending as release does, counting one rescue each. How
  // long a node has been silent is measured by the caller's clock, from when a rescue of this instance first found its last
  // heartbeat: no two clocks are compared.
  [[nodiscard]] virtual RescueReport rescue(NodeId self, MonotonicTime now, milliseconds silence) = 0;

  // The claims of executions stored under this lease.
  [[nodiscard]] virtual std::vector<ClaimRef> held(NodeId node) = 0;

  // Ends the lease; its claims must have been settled or released.
  virtual void end(NodeId node) = 0;

  // Every server, those that have fallen silent and were not yet rescued from too.
  [[nodiscard]] virtual std::vector<NodeStatus> list() = 0;
};

// ---- Word between the servers of one store.

struct Signal {
  enum class Kind : std::uint8_t {
    due,     // there is work due at `due` that the sender will not take
    recall,  // whoever has claims of this task that are not sent gives them back, and marks those that are as started
    cancel,  // whoever sends `execution_id` aborts it: a client has cancelled it
    hosts,   // the states of hosts have changed
  };
  Kind kind = Kind::due;
  Time due;
  OrganizationId organization_id;
  std::optional<TaskId> task_id;  // nullopt: of all tasks of the organisation
  ExecutionId execution_id{};
};

// Best effort: a signal may be lost, so whoever depends on one sends it again.
class Signals {
 public:
  virtual ~Signals() = default;

  // From now on `receive` is called with the signals of other instances, on a thread of the backend.
  virtual void listen(std::function<void(const Signal&)> receive) = 0;
  // When it returns `receive` is not called any more. Without listen() before, nothing.
  virtual void stop_listening() noexcept = 0;
  virtual void send(const Signal& signal) noexcept = 0;
};

// ---- Tasks and executions, as the API sees them.

// Keyset positions, for pages on which rows that keep their place are neither skipped nor repeated.
struct TaskCursor {
  std::optional<Time> last_execution_at;
  Time inserted_at;
  TaskId id;
};
struct ExecutionCursor {
  Time scheduled_for;
  ExecutionId id;
};

struct TaskQuery {
  OrganizationId organization_id;
  std::size_t limit = 50;
  std::size_t offset = 0;  // ignored when `after` is set
  std::optional<TaskCursor> after;
  std::optional<std::string> queue;
  bool without_queue = false;
  std::optional<ScheduleType> schedule_type;
  std::optional<ExecutionStatus> status;   // last_execution_status; pending: never executed
  std::optional<std::string> name_prefix;  // literal, case-sensitive
  std::optional<Time> kept_since = {};     // one-time tasks that were over before this are not shown
};

struct ExecutionQuery {
  OrganizationId organization_id;
  Time now;  // claimed executions due later than this are pending to the reader
  std::size_t limit = 50;
  std::size_t offset = 0;  // ignored when `after` is set
  std::optional<ExecutionCursor> after;
  std::optional<TaskId> task_id;
  std::optional<ExecutionStatus> status;
  std::optional<std::string> queue;
  std::optional<Time> since;            // scheduled_for >= since
  std::optional<Time> until;            // scheduled_for < until
  std::optional<Time> kept_since = {};  // those that finished before this are not shown
};

// What a change does to the pending executions of a task. Executions in `sending` are under way at this node and are left
// as they are, and so are those that another node has marked as started; any other claim of this node is revoked (its
// execution is pending again, its token void). Another node's claim that is not marked makes the write `held_elsewhere`.
struct TaskWrite {
  OrganizationId organization_id;
  TaskId task_id;
  NodeId node;  // of the caller
  Time now;
  std::span<const ExecutionId> sending;
  std::optional<IdempotencyRecord> idempotency;
  // Written to the audit log when something has changed; read at the end of the transaction. Outlives the call.
  const AuditEntry* audit = nullptr;
};

enum class PendingChange : std::uint8_t {
  keep,    // executions stay as they are (but lose their claim and are not held, so that the new values are read)
  move,    // the pending execution is moved to `move_to`; none is pending: `conflict`
  forget,  // executions that a cron schedule made and that are not yet due are deleted
};

struct TaskUpdate {
  // The new state, whole. What executions decide stays as it is stored: last_execution_at and _status, and next_run_at of
  // one-time tasks.
  Task task;
  Time expected_version;  // updated_at as read: another value in storage is `stale`
  PendingChange pending = PendingChange::keep;
  Time move_to;
};

struct TaskWriteOutcome {
  WriteResult result = WriteResult::applied;
  std::optional<StoredReply> replay;
  std::vector<ClaimRef> revoked;  // claims that are void now
  bool let_go = false;            // what was held for its host may be claimed now
};

class TaskStore {
 public:
  virtual ~TaskStore() = default;

  // Deleted tasks, and those of another organisation, are not found anywhere below.
  [[nodiscard]] virtual std::optional<Task> find(OrganizationId organization, TaskId id) = 0;
  // Order: last_execution_at descending, nulls last; inserted_at descending; id descending.
  [[nodiscard]] virtual Page<Task> list(const TaskQuery& query) = 0;

  // applied, replayed, key_reused, stale, not_found, conflict or held_elsewhere.
  [[nodiscard]] virtual TaskWriteOutcome update(const TaskWrite& write, const TaskUpdate& change) = 0;
  // Soft delete; pending executions become cancelled. applied, replayed, key_reused, not_found or held_elsewhere. `removing` is
  // called with the task as it was, before the audit entry is read; perhaps on a thread of the backend, perhaps more than
  // once, the last call counts.
  [[nodiscard]] virtual TaskWriteOutcome remove(const TaskWrite& write,
                                                const std::function<void(const Task&)>& removing = {}) = 0;
  // Adds a pending execution to a task, also to a disabled one. applied, replayed, key_reused, not_found or limit_exceeded
  // (monthly_executions, in the month of write.now).
  [[nodiscard]] virtual TaskWriteOutcome add_run(const TaskWrite& write, const NewExecution& execution) = 0;
  // Deletes all tasks of a queue that have a pending execution, as remove does; write.task_id is not used. After
  // held_elsewhere nothing of the queue is claimed for a second, so that it comes to its end when it is tried again. `reply` is
  // called with how many there were, before the commit, and gives what is stored for the idempotency key; perhaps on a
  // thread of the backend, while the caller waits.
  [[nodiscard]] virtual TaskWriteOutcome remove_queue(const TaskWrite& write, std::string_view queue,
                                                      const std::function<StoredReply(std::size_t)>& reply) = 0;

  [[nodiscard]] virtual std::optional<ExecutionDetail> find_execution(OrganizationId organization, ExecutionId id) = 0;
  // Order: scheduled_for descending, id descending.
  [[nodiscard]] virtual Page<Execution> list_executions(const ExecutionQuery& query) = 0;

  // What is stored for a key; throws KeyReused when it was stored for another request.
  [[nodiscard]] virtual std::optional<StoredReply> find_reply(OrganizationId organization, std::string_view key,
                                                              const Digest& request, Time now) = 0;
};

// ---- Cron schedules.

struct DueSchedule {
  TaskId task_id;
  OrganizationId organization_id;
  std::string cron_expression;
  std::string timezone;
  Misfire misfire = Misfire::last;
  Overlap overlap = Overlap::allow;
  Time next_run_at;
  Time version;  // updated_at
};

// The step of one schedule past occurrences that are due.
struct ScheduleStep {
  TaskId task_id;
  OrganizationId organization_id;
  Time expected_next_run_at;  // as read; other values in storage: somebody else took the step, nothing happens
  Time expected_version;
  std::vector<NewExecution> executions;  // attempt 1, run_id = id
  bool skip_if_live = false;  // overlap `skip`: insert none while an execution of the task is pending or running
  std::optional<Time> next_run_at;
  std::optional<AuditEntry> disable;  // set: the task is disabled with this audit line and has no next run
};

class Schedules {
 public:
  virtual ~Schedules() = default;

  // Enabled cron tasks whose next_run_at is at or before `horizon`, earliest first, and when the next later one is.
  struct Due {
    std::vector<DueSchedule> schedules;
    std::optional<Time> next;
  };
  [[nodiscard]] virtual Due due(Time horizon, std::size_t limit) = 0;

  // One answer an item, each of another task and stored whole or, when this throws, perhaps not at all: how many executions
  // were inserted. What monthly_executions leaves no room for is not; the schedule goes on all the same.
  [[nodiscard]] virtual std::vector<std::size_t> advance(std::span<const ScheduleStep> steps) = 0;
};

// ---- Organisations and keys.

struct KeyOwner {
  ApiKey key;
  Organization organization;
};

class Directory {
 public:
  virtual ~Directory() = default;

  // An `audit` entry is written with the change, when there is one.

  // Throws Conflict when the name is taken.
  virtual void create_organization(const Organization& organization, const AuditEntry* audit = nullptr) = 0;
  [[nodiscard]] virtual std::optional<Organization> find_organization(std::string_view name) = 0;
  [[nodiscard]] virtual std::vector<Organization> list_organizations() = 0;

  virtual void create_key(const ApiKey& key, const AuditEntry* audit = nullptr) = 0;
  // Also finds revoked and expired ones. public_id as in ApiKey.
  [[nodiscard]] virtual std::optional<KeyOwner> find_key(std::string_view public_id) = 0;
  [[nodiscard]] virtual std::vector<ApiKey> list_keys(OrganizationId organization) = 0;
  // False: no such key. Revoking twice is true and changes nothing.
  [[nodiscard]] virtual bool revoke_key(std::string_view public_id, Time at, const AuditEntry* audit = nullptr) = 0;
  // Never moves backwards.
  virtual void touch_key(KeyId key, Time last_used_at) = 0;

  // Changes limits and secrets of an organisation and what its channels are told of, nothing else of it: `change` is called
  // with it as it is, locked, perhaps more than once and on a thread of the backend, and makes of it what it is to be. The entry it gives is written to the
  // audit log. What it throws is passed on, and nothing happens. Throws Invalid for a limit that is less than 1. False: no
  // such organisation.
  //
  // A monthly quota counts from when it is set first; changed, it goes on with its count. What is running when a lower
  // max_concurrent is set runs on.
  using OrganizationChange = std::function<std::optional<AuditEntry>(Organization&)>;
  [[nodiscard]] virtual bool change_organization(OrganizationId id, const OrganizationChange& change) = 0;

  // How many executions of the organisation may run at once, on all servers together; nullopt: no cap. Otherwise as above.
  [[nodiscard]] bool set_max_concurrent(OrganizationId id, std::optional<int> most) {
    return change_organization(id, [&](Organization& organization) -> std::optional<AuditEntry> {
      organization.max_concurrent = most;
      return std::nullopt;
    });
  }

  // The longest retention that an organisation has of its own; nullopt: none has one.
  [[nodiscard]] virtual std::optional<seconds> longest_retention() = 0;

  // Takes the second secret from organisations whose old_secret_until is at or before `now`, with an audit entry of the
  // system; how many.
  virtual std::size_t end_rotations(Time now) = 0;
};

// ---- The store as a whole.

struct Migration {
  int from = 0;  // schema version found; 0: an empty database
  int to = 0;    // schema version now
};

struct Upkeep {
  Time now;
  // Finished executions and tasks are kept for this long after they ended, where their organisation has no retention of its
  // own.
  milliseconds retention{};
};

struct UpkeepReport {
  std::vector<std::string> done;      // one line a fact, for the log
  std::vector<std::string> deferred;  // what could not be done now and why
};

class Maintenance {
 public:
  virtual ~Maintenance() = default;

  // Brings the schema to this plugin's version under a lock. Must have been called once by some process before any other
  // role works. Throws Conflict when the schema is newer than the plugin.
  virtual Migration migrate() = 0;
  // Cheap. False: the database does not answer.
  [[nodiscard]] virtual bool reachable() noexcept = 0;
  // Deletes idempotency records stored before `before`, at most `limit`; how many.
  [[nodiscard]] virtual std::size_t expire_replies(Time before, std::size_t limit) = 0;
  // Makes room for what is coming and removes what has been kept for long enough: in small steps that never hold others up,
  // never anything that is still to run. Any server may call it at any time, at best every minute.
  [[nodiscard]] virtual UpkeepReport upkeep(const Upkeep& upkeep) = 0;
};

class Channels;          // channels.hpp
class QueueStore;        // queues.hpp
class TaskGroups;        // task_groups.hpp
class ExecutionChanges;  // execution_changes.hpp

class Storage {
 public:
  virtual ~Storage() = default;

  [[nodiscard]] virtual WorkStore& work() noexcept = 0;
  [[nodiscard]] virtual Outbox& outbox() noexcept = 0;
  [[nodiscard]] virtual Leases& leases() noexcept = 0;
  [[nodiscard]] virtual Signals& signals() noexcept = 0;
  [[nodiscard]] virtual TaskStore& tasks() noexcept = 0;
  [[nodiscard]] virtual QueueStore& queues() noexcept = 0;
  [[nodiscard]] virtual TaskGroups& groups() noexcept = 0;
  [[nodiscard]] virtual ExecutionChanges& execution_changes() noexcept = 0;
  [[nodiscard]] virtual Schedules& schedules() noexcept = 0;
  [[nodiscard]] virtual Directory& directory() noexcept = 0;
  [[nodiscard]] virtual AuditLog& audit() noexcept = 0;
  [[nodiscard]] virtual Quotas& quotas() noexcept = 0;
  [[nodiscard]] virtual Maintenance& maintenance() noexcept = 0;
  [[nodiscard]] virtual HostStates& hosts() noexcept = 0;
  [[nodiscard]] virtual Channels& channels() noexcept = 0;
};

}  // namespace punctual
