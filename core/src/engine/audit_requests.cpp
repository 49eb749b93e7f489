// TaskEngine: what a frontend asks for about the audit log.
#include "engine/task_engine_parts.hpp"

namespace punctual {

Page<AuditRecord> TaskEngine::list_audit(const AuditQuery& query) { return parts_->storage.audit().list(query); }

}  // namespace punctual
