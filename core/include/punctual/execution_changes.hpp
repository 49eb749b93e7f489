// ExecutionChanges: what clients ask for about single executions, a role of Storage. What holds for all roles (threads, errors,
// transactions) stands in storage.hpp.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "punctual/storage.hpp"

namespace punctual {

struct ExecutionWriteOutcome {
  WriteResult result = WriteResult::applied;
  std::optional<StoredReply> replay;
  std::optional<Execution> execution;  // applied: as it is from now on; conflict: as it is
  std::vector<ClaimRef> revoked;       // claims that are void now
};

// What to do about a claim of another server that has not said whether it is being sent.
enum class ForeignClaim : std::uint8_t {
  ask,   // the write is `held_elsewhere`
  mark,  // it is treated as being sent
};

// Which executions to run again.
struct RetryFilter {
  std::vector<ExecutionStatus> statuses;  // of failed, timeout, missed and cancelled
  std::optional<TaskId> task_id;
  std::optional<std::string> queue;
  std::optional<Time> since;            // scheduled_for >= since
  std::optional<Time> until;            // scheduled_for < until
  std::optional<Time> kept_since = {};  // none that finished before this
};

// The task_id of a TaskWrite is not used here.
class ExecutionChanges {
 public:
  virtual ~ExecutionChanges() = default;

  // Cancels an execution. One that is pending, or that this node has claimed and not sent, is cancelled from now on; its
  // task's last_execution_at and _status tell of it as of any other end. One that is under way (write.sending, or
  // marked as started by another node) stays `running` and gets a mark: however it ends, settled, released or rescued, it
  // ends as cancelled and is not tried again. applied, replayed, key_reused, not_found, held_elsewhere, or conflict: it has
  // ended. `reply` is called with the execution before the commit and gives what is stored for the idempotency key; perhaps on
  // a thread of the backend, while the caller waits.
  [[nodiscard]] virtual ExecutionWriteOutcome cancel(const TaskWrite& write, ExecutionId id, ForeignClaim foreign,
                                                     const std::function<StoredReply(const Execution&)>& reply) = 0;

  // The executions marked by cancel that the node has claimed and that have not ended.
  [[nodiscard]] virtual std::vector<ExecutionId> cancelled_claims(NodeId node) = 0;

  // Adds `run` as a pending execution to the task of a finished one, also when the task is disabled. applied, replayed,
  // key_reused, not_found, conflict: it has not ended, or (it has) its task is deleted; or limit_exceeded
  // (monthly_executions, in the month of write.now).
  [[nodiscard]] virtual ExecutionWriteOutcome retry(const TaskWrite& write, ExecutionId id,
                                                    const NewExecution& run) = 0;

  // Adds a pending execution, due at `due` (at or before write.now), for each of the first executions by (scheduled_for, id)
  // that the filter lets through, as many as there are `ids` for them. Passed over is what has been followed by another
  // attempt of its run or by an earlier retry, and what belongs to a deleted task. No more are added than monthly_executions
  // leaves room for in the month of write.now; when there is none for the first of them it is limit_exceeded. Else applied,
  // replayed or key_reused. `reply` as in cancel, with how many there were. write.audit is written when there were any.
  [[nodiscard]] virtual ExecutionWriteOutcome retry_many(const TaskWrite& write, const RetryFilter& filter,
                                                         std::span<const ExecutionId> ids, Time due,
                                                         const std::function<StoredReply(std::size_t)>& reply) = 0;
};

}  // namespace punctual
