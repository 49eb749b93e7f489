// The role AuditLog on SQLite, and how an entry is written with a change: inside the caller's transaction, on its thread.
#pragma once

#include "punctual/audit.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

void write_audit(Connection& connection, const AuditEntry& entry);
// Nothing when there is none.
inline void write_audit(Connection& connection, const AuditEntry* entry) {
  if (entry != nullptr) write_audit(connection, *entry);
}

class SqliteAuditLog final : public AuditLog {
 public:
  SqliteAuditLog(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  [[nodiscard]] Page<AuditRecord> list(const AuditQuery& query) override;
  [[nodiscard]] std::size_t expire(Time before, std::size_t limit) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace punctual::sqlite
