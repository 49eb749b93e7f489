#include "monthly_quotas.hpp"

#include "audit_log.hpp"
#include "notices.hpp"

namespace punctual::sqlite {
namespace {

// Those that have come further in the month than was told.
std::vector<QuotaNotice> untold(Connection& connection, Time month) {
  Query rows(connection, R"sql(
    select quotas.organization_id, organizations.name, quotas.most, quotas.used, quotas.told
    from quotas
    join organizations on organizations.id = quotas.organization_id
    where quotas.month = ?1
      and quotas.told < iif(quotas.used >= quotas.most, 2, iif(quotas.used * 5 >= quotas.most * 4, 1, 0)))sql",
             month);
  std::vector<QuotaNotice> out;
  while (rows.next()) {
    QuotaNotice notice{rows.get<OrganizationId>(0),
                       rows.get<std::string>(1),
                       QuotaNotice::Level::near,
                       {rows.get<std::int64_t>(2), rows.get<std::int64_t>(3)}};
    if (rows.get<int>(4) < 1) out.push_back(notice);
    notice.level = QuotaNotice::Level::reached;
    if (notice.use.used >= notice.use.most) out.push_back(std::move(notice));
  }
  return out;
}

}  // namespace

std::optional<QuotaBook::Page> QuotaBook::read(OrganizationId organization) {
  Query row(connection_, R"sql(
    select most, used, month
    from quotas
    where organization_id = ?1)sql",
            organization);
  if (!row.next()) return std::nullopt;
  return Page{{row.get<std::int64_t>(0), row.get<std::int64_t>(1)}, row.get<Time>(2)};
}

bool QuotaBook::has_room(OrganizationId organization, Time at) {
  auto found = pages_.find(organization);
  if (found == pages_.end()) found = pages_.emplace(organization, read(organization)).first;
  if (!found->second) return true;
  Page& page = *found->second;
  if (const Time month = month_of(at); month > page.month) page = {{page.use.most, 0}, month};
  return page.use.used < page.use.most;
}

void QuotaBook::count(OrganizationId organization) {
  auto& page = pages_.at(organization);
  if (!page) return;
  ++page->use.used;
  page->counted = true;
}

void QuotaBook::store() {
  for (const auto& [organization, page] : pages_) {
    if (!page || !page->counted) continue;
    Query(connection_, R"sql(
      update quotas
      set used = ?2, month = ?3, told = iif(month = ?3, told, 0)
      where organization_id = ?1)sql",
          organization, page->use.used, page->month)
        .run();
  }
}

void set_quota(Connection& connection, OrganizationId organization, std::optional<std::int64_t> most) {
  if (!most) {
    Query(connection, R"sql(
      delete from quotas
      where organization_id = ?1)sql",
          organization)
        .run();
    return;
  }
  Query(connection, R"sql(
    insert into quotas (organization_id, most, month, used)
    values (?1, ?2, 0, 0)
    on conflict (organization_id) do update
    set most = excluded.most,
      told = min(told, iif(used >= excluded.most, 2, iif(used * 5 >= excluded.most * 4, 1, 0))))sql",
        organization, *most)
      .run();
}

std::optional<QuotaUse> SqliteQuotas::find(OrganizationId organization, Time at) {
  return readers_.read([&](Connection& connection) -> std::optional<QuotaUse> {
    Query row(connection, R"sql(
      select most, iif(month < ?2, 0, used)
      from quotas
      where organization_id = ?1)sql",
              organization, month_of(at));
    if (!row.next()) return std::nullopt;
    return QuotaUse{row.get<std::int64_t>(0), row.get<std::int64_t>(1)};
  });
}

std::vector<QuotaNotice> SqliteQuotas::take_notices(Time now,
                                                    const std::function<AuditEntry(const QuotaNotice&)>& describe) {
  const Time month = month_of(now);
  // Mostly there is nothing, and a read disturbs nobody.
  if (readers_.read([&](Connection& connection) { return untold(connection, month).empty(); })) return {};
  return writer_.write([&](Connection& connection) {
    auto notices = untold(connection, month);
    for (const QuotaNotice& notice : notices) {
      Query(connection, R"sql(
        update quotas
        set told = ?2
        where organization_id = ?1)sql",
            notice.organization_id, static_cast<int>(notice.level))
          .run();
      const AuditEntry audit = describe(notice);
      write_audit(connection, audit);
      const bool reached = notice.level == QuotaNotice::Level::reached;
      store_notices(connection, {notice.organization_id,
                                 reached ? NoticeEvent::quota_reached : NoticeEvent::quota_warning,
                                 audit.at,
                                 {},
                                 {},
                                 audit.detail,
                                 {},
                                 {}});
    }
    return notices;
  });
}

}  // namespace punctual::sqlite
