// Entries of the audit log as the API shows them. Any thread.
#pragma once

#include <span>

#include "frontend/task_json.hpp"
#include "punctual/audit.hpp"

namespace punctual {

[[nodiscard]] std::span<const JsonKey<AuditRecord>> audit_keys();

void append_audit(JsonText& json, const AuditRecord& record);

}  // namespace punctual
