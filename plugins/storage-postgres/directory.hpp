// The role Directory on Postgres. Lists are in order of insertion.
#pragma once

#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresDirectory final : public Directory {
 public:
  explicit PostgresDirectory(SessionPool& pool) : pool_(pool) {}

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
  SessionPool& pool_;
};

}  // namespace punctual::postgres
