// Messages: what is told about the end of an attempt, to whom, and how it is written. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/storage.hpp"

namespace punctual {

// Follows from the attempt and the event: the same however often it is asked for. Of version 8 (RFC 9562, section 5.8); the
// time in it is that of the execution's id.
[[nodiscard]] MessageId message_id(ExecutionId execution, MessageEvent event);

// What may be told of the end of the attempt `claimed` (Settlement::messages); empty where its task names no URL for it.
[[nodiscard]] std::vector<NewMessage> messages_about(const Claimed& claimed, const Settlement& end);

// The JSON that is sent, from what messages_about wrote as the content and ClaimedMessage has beside it:
// {"event":"execution.completed","final":…,"task_id":…,"execution_id":…,"run_id":…,"status":…,"status_code":…,
//  "duration_ms":…,"response_body":…,"error_message":…,"attempt":…,"scheduled_for":…,"started_at":…,"finished_at":…} or
// {"event":"task.failed" or "task.recovered","task":{"id","name","url","method"},"execution":{"id","status","status_code",
//  "error_message","scheduled_for","finished_at","duration_ms"}}.
[[nodiscard]] std::string message_body(MessageEvent event, bool final, std::optional<ExecutionStatus> ended_as,
                                       std::string_view content);

}  // namespace punctual
