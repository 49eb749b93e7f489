// The role Directory on SQLite. Lists are in order of insertion.
#pragma once

#include "punctual/storage.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteDirectory final : public Directory {
 public:
  SqliteDirectory(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  void create_organization(const Organization& organization, const AuditEntry* audit) override;
  [[nodiscard]] std::optional<Organization> find_organization(std::string_view name) override;
  [[nodiscard]] std::vector<Organization> list_organizations() override;
  void create_key(const ApiKey& key, const AuditEntry* audit) override;
  [[nodiscard]] std::optional<KeyOwner> find_key(std::string_view public_id) override;
  [[nodiscard]] std::vector<ApiKey> list_keys(OrganizationId organization) override;
  [[nodiscard]] bool revoke_key(std::string_view public_id, Time at, const AuditEntry* audit) override;
  void touch_key(KeyId key, Time last_used_at) override;
  [[nodiscard]] bool change_organization(OrganizationId id, const OrganizationChange& change) override;
  [[nodiscard]] std::optional<seconds> longest_retention() override;
  std::size_t end_rotations(Time now) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace punctual::sqlite
