// An entry of the audit log about what a client has done. Pure.
#pragma once

#include <string>
#include <utility>

#include "punctual/engine.hpp"
#include "punctual/model.hpp"

namespace punctual {

[[nodiscard]] inline AuditEntry entry_by(const Principal& by, Time at, std::string action, std::string subject,
                                         std::string detail, std::string changes = "{}") {
  return {by.organization_id, at, "key " + by.key_public_id, std::move(action), std::move(subject), std::move(detail),
          std::move(changes)};
}

}  // namespace punctual
