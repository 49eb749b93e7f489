#include "engine/request_audit.hpp"

#include <boost/json.hpp>

#include "engine/audit_entry.hpp"

namespace punctual {
namespace {

using boost::json::object;
using boost::json::value;

value json_of(const std::optional<QueueRate>& rate) { return rate ? value(text_of(*rate)) : value(nullptr); }

std::string describe_changes(const Queue& before, const Queue& after) {
  object changes;
  const auto add = [&](const char* field, value from, value to) {
    if (from != to) changes[field] = object{{"from", std::move(from)}, {"to", std::move(to)}};
  };
  add("concurrency", before.concurrency, after.concurrency);
  add("rate", json_of(before.rate), json_of(after.rate));
  add("paused", before.paused, after.paused);
  return boost::json::serialize(changes);
}

}  // namespace

AuditEntry queue_changed(const Principal& by, const Queue& before, const Queue& after, Time at) {
  return entry_by(by, at, "queue.changed", after.name, "Set the queue", describe_changes(before, after));
}

AuditEntry queue_forgotten(const Principal& by, const Queue& before, Time at) {
  return entry_by(by, at, "queue.forgotten", before.name, "Took back what was set for the queue",
                  describe_changes(before, {}));
}

AuditEntry queue_paused(const Principal& by, std::string_view queue, Time at) {
  return entry_by(by, at, "queue.paused", std::string(queue), "Paused the queue");
}

AuditEntry queue_resumed(const Principal& by, std::string_view queue, Time at) {
  return entry_by(by, at, "queue.resumed", std::string(queue), "Resumed the queue");
}

AuditEntry execution_cancelled(const Principal& by, ExecutionId execution, Time at) {
  return entry_by(by, at, "execution.cancelled", execution.text(), "Cancelled the execution");
}

AuditEntry execution_retried(const Principal& by, ExecutionId execution, ExecutionId run, Time at) {
  return entry_by(by, at, "execution.retried", execution.text(), "Ran the execution again as " + run.text());
}

AuditEntry executions_retried(const Principal& by, const std::optional<TaskId>& task, std::size_t count, Time at) {
  return entry_by(by, at, "executions.retried", task ? task->text() : by.organization_id.text(),
                  "Ran executions again: " + std::to_string(count));
}

}  // namespace punctual
