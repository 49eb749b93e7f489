// How notices are stored: in the transaction of what they tell of, one for each channel that wants the event. Inside the
// caller's transaction, on its thread.
#pragma once

#include <optional>
#include <string>

#include "connection.hpp"
#include "punctual/channels.hpp"

namespace punctual::sqlite {

struct NewNotice {
  OrganizationId organization_id;
  NoticeEvent event = NoticeEvent::task_failed;
  Time occurred_at;
  std::optional<Time> since;
  std::string subject;
  std::string detail;
  std::optional<TaskId> task_id;
  std::optional<ExecutionId> execution_id;
};
void store_notices(Connection& connection, const NewNotice& notice);

// The end of a run with which a task has begun to fail, or has recovered.
struct TurningRun {
  OrganizationId organization_id;
  TaskId task_id;
  ExecutionId execution_id;  // its last attempt
  ExecutionId run_id;
  Time ended_at;
  std::optional<Time> failing_before;
};
// Unless the task, or its organisation, does not want to be told of.
void store_turn_notices(Connection& connection, NoticeEvent turn, const TurningRun& run);

// `execution`: with the end of which it was disabled.
void store_disabled_notices(Connection& connection, const AuditEntry& audit, TaskId task,
                            const std::optional<ExecutionId>& execution = std::nullopt);

}  // namespace punctual::sqlite
