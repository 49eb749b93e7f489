// The role AuditLog on Postgres, and how an entry is written with a change: inside the caller's transaction.
#pragma once

#include <span>

#include "punctual/audit.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

void write_audit(Session& session, const AuditEntry& entry);
// Nothing when there is none.
inline void write_audit(Session& session, const AuditEntry* entry) {
  if (entry != nullptr) write_audit(session, *entry);
}
// All of them.
void write_audit(Session& session, std::span<const AuditEntry> entries);
// Those of the items of a batch, given with what became of them. Nothing where there is one of the same action and subject:
// what happens once may be sent again.
void write_audit(Session& session, std::span<const NewWork> batch, std::span<const InsertOutcome> outcomes);

class PostgresAuditLog final : public AuditLog {
 public:
  // `pages` for lists, `upkeep` for what is off every request's path.
  PostgresAuditLog(SessionPool& pages, SessionPool& upkeep) : pages_(pages), upkeep_(upkeep) {}

  [[nodiscard]] Page<AuditRecord> list(const AuditQuery& query) override;
  [[nodiscard]] std::size_t expire(Time before, std::size_t limit) override;

 private:
  SessionPool& pages_;
  SessionPool& upkeep_;
};

}  // namespace punctual::postgres
