// The audit log: who changed what of an organisation, when, from what to what. An entry is written in the transaction of the
// change it is about, by the function that makes the change; here is what can be done with what is written.
//
// As with every role of storage, all functions may be called from many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/page.hpp"
#include "punctual/time.hpp"

namespace punctual {

struct AuditRecord {
  AuditEntry entry;
  std::int64_t place = 0;  // among those of the same instant, in the order they were written; unique
};

// Keyset position of a record in the list.
struct AuditCursor {
  Time at;
  std::int64_t place = 0;
};

struct AuditQuery {
  OrganizationId organization_id;
  std::size_t limit = 50;
  std::size_t offset = 0;  // ignored when `after` is set
  std::optional<AuditCursor> after;
  std::optional<std::string> action;
  std::optional<std::string> subject;
  std::optional<Time> since;  // at >= since
  std::optional<Time> until;  // at < until
};

class AuditLog {
 public:
  virtual ~AuditLog() = default;

  // Newest first: at descending, place descending.
  [[nodiscard]] virtual Page<AuditRecord> list(const AuditQuery& query) = 0;

  // Deletes entries from before `before`, oldest first, at most `limit`; how many.
  [[nodiscard]] virtual std::size_t expire(Time before, std::size_t limit) = 0;
};

}  // namespace punctual
