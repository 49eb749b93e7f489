// Monthly quotas on Postgres: how runs are counted inside of a transaction, and the role Quotas.
//
// A row of quotas is locked before tasks, lines and caps, and several in the order of their organisations.
#pragma once

#include <optional>
#include <set>
#include <span>

#include "punctual/quotas.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

// Locks the quotas of these organisations until the end of the transaction; those that have one.
[[nodiscard]] std::set<OrganizationId> lock_quotas(Session& session, std::span<const OrganizationId> organizations);

// Locks the quota of an organisation until the end of the transaction; how many further runs may begin in the month of `at`.
// nullopt: it has none.
[[nodiscard]] std::optional<std::size_t> lock_quota(Session& session, OrganizationId organization, Time at);

// How many of `wanted` further runs may begin in the month of `at`: so many are counted. All, without a quota.
[[nodiscard]] std::size_t take_quota(Session& session, OrganizationId organization, Time at, std::size_t wanted);

// A new quota counts from now on, a changed one goes on with its count; nullopt: none any more.
void set_quota(Session& session, OrganizationId organization, std::optional<std::int64_t> most);

class PostgresQuotas final : public Quotas {
 public:
  explicit PostgresQuotas(SessionPool& pool) : pool_(pool) {}

  [[nodiscard]] std::optional<QuotaUse> find(OrganizationId organization, Time at) override;
  [[nodiscard]] std::vector<QuotaNotice> take_notices(
      Time now, const std::function<AuditEntry(const QuotaNotice&)>& describe) override;

 private:
  SessionPool& pool_;
};

}  // namespace punctual::postgres
