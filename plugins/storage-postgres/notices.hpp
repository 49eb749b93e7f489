// How notices are stored: in the transaction of what they tell of, as the last thing that it does, one for each channel that
// wants the event. Inside the caller's transaction. (settle_work sees to its own.)
#pragma once

#include <optional>
#include <span>
#include <string>

#include "punctual/channels.hpp"
#include "session.hpp"

namespace punctual::postgres {

struct NewNotice {
  OrganizationId organization_id;
  NoticeEvent event = NoticeEvent::task_failed;
  Time occurred_at;
  std::optional<Time> since = {};
  std::string subject = {};
  std::string detail = {};
  std::optional<TaskId> task_id = {};
  std::optional<ExecutionId> execution_id = {};
};
void store_notices(Session& session, std::span<const NewNotice> notices);

}  // namespace punctual::postgres
