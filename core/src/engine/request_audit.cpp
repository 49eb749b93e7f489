#include "engine/request_audit.hpp"

#include <boost/json.hpp>

#include "engine/audit_entry.hpp"

namespace punctual {
namespace {

using boost::json::object;
using boost::json::value;

value json_of(const std::optional<QueueRate>& rate) { return rate ? value(text_of(*rate)) : value(nullptr); }

}  // namespace

AuditEntry queue_changed(const Principal& by, const Queue& before, const Queue& after, Time at) {
  object changes;
  if (before.concurrency != after.concurrency) {
    changes["concurrency"] = object{{"from", before.concurrency}, {"to", after.concurrency}};
  }
  if (before.rate != after.rate) {
    changes["rate"] = object{{"from", json_of(before.rate)}, {"to", json_of(after.rate)}};
  }
  return entry_by(by, at, "queue.changed", after.name, "Set the queue", boost::json::serialize(changes));
}

AuditEntry queue_forgotten(const Principal& by, std::string_view queue, Time at) {
  return entry_by(by, at, "queue.forgotten", std::string(queue), "Took back what was set for the queue");
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
