// Single executions: what several roles do to them. Inside the caller's transaction, on its thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit_log.hpp"
#include "connection.hpp"
#include "lines.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

enum class Origin : std::uint8_t { request, schedule, retry };

struct ExecutionOwner {
  TaskId task_id;
  OrganizationId organization_id;
  const std::optional<std::string>& queue;
};

// The claim an execution is born with.
struct BornClaim {
  NodeId node;
  ClaimToken token;
};

// False: there is an execution with this id already, and nothing was done.
[[nodiscard]] bool insert_execution(Connection& connection, LineChanges& lines, const ExecutionOwner& owner,
                                    const NewExecution& execution, Origin origin,
                                    const std::optional<BornClaim>& claim = std::nullopt);

// Ends a claim without a result: the execution is pending again, or cancelled when its task is deleted or a client has cancelled
// it. False: the claim is not this one any more.
enum class ClaimEnd : std::uint8_t { given_back, rescued };
[[nodiscard]] bool end_claim(Connection& connection, LineChanges& lines, const ClaimRef& claim, ClaimEnd end);

// A pending or running execution of a task.
struct LiveExecution {
  ExecutionId id;
  OrganizationId organization_id;
  TaskId task_id;
  ExecutionStatus status = ExecutionStatus::pending;
  std::optional<ClaimToken> token;
  Time scheduled_for;
  bool by_schedule = false;
  std::optional<std::string> queue;
  ExecutionId run_id;
  bool held = false;  // for its host
};
// In order of scheduled_for, then id.
[[nodiscard]] std::vector<LiveExecution> live_executions(Connection& connection, TaskId task);
[[nodiscard]] bool has_live_execution(Connection& connection, TaskId task);

// What is held for its host is so no longer.
void let_go(Connection& connection, LineChanges& lines, const LiveExecution& execution);

// Cancels a pending execution.
void cancel_pending(Connection& connection, LineChanges& lines, const LiveExecution& execution, Time at);

// Its run went on in another execution, or a client has retried it.
void mark_followed(Connection& connection, ExecutionId id);

// What the end of an execution says about its task. `run_failed`: of the run that it ended, if it did. Gives since when the task
// had been failing before; nullopt: it had not.
std::optional<Time> fold_into_task(Connection& connection, TaskId task, ExecutionStatus status, Time finished_at,
                                   std::optional<bool> run_failed = std::nullopt);

// Makes next_run_at of a one-time task the due time of its first pending execution, null when none is pending.
void refresh_next_run(Connection& connection, TaskId task);

}  // namespace punctual::sqlite
