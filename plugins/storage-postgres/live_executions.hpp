// Single executions that have not ended: what changes of tasks and schedules do to them. Inside the caller's transaction, which
// has locked their tasks.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit_log.hpp"
#include "punctual/storage.hpp"
#include "session.hpp"

namespace punctual::postgres {

struct LiveExecution {
  ExecutionId id;
  OrganizationId organization_id;
  TaskId task_id;
  ExecutionStatus status = ExecutionStatus::pending;
  std::optional<ClaimToken> token;
  std::optional<NodeId> node;
  std::optional<Time> started_at;
  Time scheduled_for;
  bool by_schedule = false;
  std::optional<std::string> queue;
  ExecutionId run_id;
  int attempt = 1;
  bool held = false;  // for its host
};

// Whether it is being sent, as far as anybody has said: by this node, or by another one that has marked it as started.
[[nodiscard]] bool is_under_way(const TaskWrite& write, const LiveExecution& one);

// In order of scheduled_for, then id.
[[nodiscard]] std::vector<LiveExecution> live_executions(Session& session, std::span<const TaskId> tasks);

// Locks these lines, in the order in which every transaction takes several of them.
void lock_lines(Session& session, OrganizationId organization, const std::set<std::string>& names);

// Locks the lines that they wait in and, where given, one more, then these, which must still be as they were read: throws
// Collision when one has been claimed or has ended meanwhile. Lines come first because a claim takes them so.
void lock_unchanged(Session& session, std::span<const LiveExecution> executions,
                    const std::optional<std::string>& further_line = std::nullopt);

// Those of them that are held for their host are so no longer; whether there are any.
bool let_go_held(Session& session, std::span<const LiveExecution> executions);

void cancel_pending(Session& session, std::span<const LiveExecution> executions, Time at);

// Pending, from now on the caller's to place in the line of its queue: due when it is stored (`now`) or ahead of its time.
struct PlacedExecution {
  NewExecution execution;
  TaskId task_id;
  OrganizationId organization_id;
  std::optional<std::string> queue;
};
// Nothing happens where there is an execution with this id already.
void insert_pending(Session& session, const PlacedExecution& placed, Time now);

// The place in a line of what comes to it now; locks the line. Nothing without a queue.
struct LinePlace {
  Time at;
  std::int64_t seq = 0;
};
[[nodiscard]] std::optional<LinePlace> take_place(Session& session, OrganizationId organization,
                                                  const std::optional<std::string>& queue, Time due, Time now);
// A line may have a new head that is due at `at`.
void lower_line(Session& session, OrganizationId organization, const std::optional<std::string>& queue, Time at);

// Makes next_run_at of a one-time task the due time of its first pending execution, null when none is pending.
void refresh_next_run(Session& session, TaskId task);

}  // namespace punctual::postgres
