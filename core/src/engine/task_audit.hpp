// What is written to the audit log about tasks. Pure functions.
//
// What is logged is what is configuration: making a cron task, changing or deleting any task. Making a one-time task is
// traffic, and is not.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "punctual/engine.hpp"
#include "punctual/model.hpp"

namespace punctual {

// {"field":{"from":…,"to":…},…} of what differs, {} when nothing does. Values are those of the API, with these exceptions: of
// a body only its size is given, of a header only its name; whatever looks like a secret is masked (mask_secrets); a
// text of more than 512 bytes is cut.
[[nodiscard]] std::string describe_changes(const TaskSpec& before, const TaskSpec& after);

// `changes` gives what is not as it is in a task of which nothing is said, each from null.
[[nodiscard]] AuditEntry task_created(const Principal& by, const Task& task);
// nullopt: nothing has changed.
[[nodiscard]] std::optional<AuditEntry> task_updated(const Principal& by, const Task& before, const Task& after);
// Looked at of `spec` are the name, the url and the schedule, which go to null.
[[nodiscard]] AuditEntry task_deleted(const Principal& by, TaskId task, const TaskSpec& spec, Time at);
// `count` tasks that waited in a queue.
[[nodiscard]] AuditEntry queue_deleted(const Principal& by, std::string_view queue, std::size_t count, Time at);

}  // namespace punctual
