#include "audit_log.hpp"

#include <limits>
#include <string>

namespace punctual::sqlite {
namespace {

constexpr const char* columns = R"sql(
    select id, organization_id, at, actor, action, subject, detail, changes
    from audit_entries
    where organization_id = ?1
      and (at, id) < (?2, ?3)
      and at >= ?4)sql";

constexpr const char* in_order = R"sql(
    order by at desc, id desc
    limit ?5
    offset ?6)sql";

AuditRecord record_from(const Query& row) {
  return {{row.get<OrganizationId>(1), row.get<Time>(2), row.get<std::string>(3), row.get<std::string>(4),
           row.get<std::string>(5), row.get<std::string>(6), row.get<std::string>(7)},
          row.get<std::int64_t>(0)};
}

// Every entry of the list is before this one in its order, read backwards.
AuditCursor upper_bound(const AuditQuery& query) {
  AuditCursor bound{Time::max(), std::numeric_limits<std::int64_t>::max()};
  if (query.after) bound = *query.after;
  // Before the smallest place of an instant is before the instant.
  if (query.until && *query.until <= bound.at) bound = {*query.until, 0};
  return bound;
}

}  // namespace

void write_audit(Connection& connection, const AuditEntry& entry) {
  Query(connection, R"sql(
    insert into audit_entries (organization_id, at, actor, action, subject, detail, changes)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7))sql",
        entry.organization_id, entry.at, entry.actor, entry.action, entry.subject, entry.detail, entry.changes)
      .run();
}

Page<AuditRecord> SqliteAuditLog::list(const AuditQuery& query) {
  static const std::string all = std::string(columns) + in_order;
  static const std::string of_action = std::string(columns) + R"sql(
      and action = ?7)sql" + in_order;
  static const std::string of_subject = std::string(columns) + R"sql(
      and subject = ?7
      and (?8 is null or action = ?8))sql" +
                                        in_order;
  const AuditCursor bound = upper_bound(query);
  const Time since = query.since.value_or(Time::min());
  const std::size_t offset = query.after ? 0 : query.offset;
  return readers_.read([&](Connection& connection) {
    Page<AuditRecord> page;
    const auto collect = [&](const std::string& sql, const auto&... filters) {
      Query rows(connection, sql, query.organization_id, bound.at, bound.place, since, query.limit + 1, offset,
                 filters...);
      while (rows.next()) page.items.push_back(record_from(rows));
    };
    if (query.subject) {
      collect(of_subject, *query.subject, query.action);
    } else if (query.action) {
      collect(of_action, *query.action);
    } else {
      collect(all);
    }
    page.has_more = page.items.size() > query.limit;
    if (page.has_more) page.items.resize(query.limit);
    return page;
  });
}

std::size_t SqliteAuditLog::expire(Time before, std::size_t limit) {
  constexpr const char* old = R"sql(
      select id
      from audit_entries
      where at < ?1
      order by at
      limit ?2)sql";
  // Mostly there is nothing, and a read disturbs nobody.
  if (!readers_.read([&](Connection& connection) { return Query(connection, old, before, limit).next(); })) return 0;
  static const std::string remove = "delete from audit_entries where id in (" + std::string(old) + ")";
  return writer_.write([&](Connection& connection) { return Query(connection, remove, before, limit).run(); });
}

}  // namespace punctual::sqlite
