// Monthly quotas on SQLite. QuotaBook counts what a transaction stores, inside of it, on its thread; SqliteQuotas is the role.
#pragma once

#include <map>
#include <optional>

#include "punctual/quotas.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class QuotaBook {
 public:
  explicit QuotaBook(Connection& connection) : connection_(connection) {}

  // Whether one more run of the organisation may begin in the month of `at`.
  [[nodiscard]] bool has_room(OrganizationId organization, Time at);
  // One has begun; has_room was asked before.
  void count(OrganizationId organization);
  // Writes the counts: the last thing that is done with it.
  void store();

 private:
  struct Page {
    QuotaUse use;
    Time month;
    bool counted = false;
  };
  [[nodiscard]] std::optional<Page> read(OrganizationId organization);

  Connection& connection_;
  std::map<OrganizationId, std::optional<Page>> pages_;  // nullopt: without a quota
};

// A new quota counts from now on, a changed one goes on with its count; nullopt: none any more.
void set_quota(Connection& connection, OrganizationId organization, std::optional<std::int64_t> most);

class SqliteQuotas final : public Quotas {
 public:
  SqliteQuotas(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  [[nodiscard]] std::optional<QuotaUse> find(OrganizationId organization, Time at) override;
  [[nodiscard]] std::vector<QuotaNotice> take_notices(
      Time now, const std::function<AuditEntry(const QuotaNotice&)>& describe) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace punctual::sqlite
