#include "audit_log.hpp"

#include "stored_text.hpp"

namespace punctual::postgres {
namespace {

const std::string columns = R"sql(
    select organization_id, at, actor, action, subject, detail, changes, id
    from audit_entries
    where organization_id = $1
      and (at, id) < ($2, $3)
      and at >= $4)sql";

const std::string in_order = R"sql(
    order by at desc, id desc
    limit $5
    offset $6)sql";

AuditRecord record_from(const Rows& rows, std::size_t at) {
  RowReader row(rows, at);
  AuditRecord out;
  row.read(out.entry.organization_id);
  row.read(out.entry.at);
  row.read(out.entry.actor);
  row.read(out.entry.action);
  row.read(out.entry.subject);
  row.read(out.entry.detail);
  row.read(out.entry.changes);
  row.read(out.place);
  return out;
}

// Every entry of the list is before this one in its order, read backwards.
AuditCursor upper_bound(const AuditQuery& query) {
  AuditCursor bound{Time::max(), std::numeric_limits<std::int64_t>::max()};
  if (query.after) bound = *query.after;
  // Before the smallest place of an instant is before the instant.
  if (query.until && *query.until <= bound.at) bound = {*query.until, 0};
  return bound;
}

Parameters values_of(const AuditEntry& entry) {
  return Parameters(entry.organization_id, entry.at, storable(entry.actor), storable(entry.action),
                    storable(entry.subject), storable(entry.detail), storable(entry.changes));
}

}  // namespace

void write_audit(Session& session, const AuditEntry& entry) {
  static const std::string sql = R"sql(
    insert into audit_entries (organization_id, at, actor, action, subject, detail, changes)
    values ($1, $2, $3, $4, $5, $6, $7))sql";
  (void)session.run(sql, values_of(entry));
}

void write_audit(Session& session, std::span<const AuditEntry> entries) {
  for (const AuditEntry& entry : entries) write_audit(session, entry);
}

void write_audit(Session& session, std::span<const NewWork> batch, std::span<const InsertOutcome> outcomes) {
  // Each is looked for by itself: a plan made while there was nothing would else walk all entries.
  static const std::string sql = R"sql(
    insert into audit_entries (organization_id, at, actor, action, subject, detail, changes)
    select made.organization_id, made.at, made.actor, made.action, made.subject, made.detail, made.changes
    from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
      with ordinality as made (organization_id, at, actor, action, subject, detail, changes, ord)
    left join lateral (
      select id
      from audit_entries
      where audit_entries.organization_id = made.organization_id
        and audit_entries.subject = made.subject
        and audit_entries.action = made.action
      limit 1) earlier on true
    where earlier.id is null
    order by made.ord)sql";
  std::vector<AuditEntry> entries;
  for (std::size_t item = 0; item < batch.size(); ++item) {
    if (!batch[item].audit || outcomes[item].result != WriteResult::applied) continue;
    AuditEntry entry = *batch[item].audit;
    for (std::string* text : {&entry.actor, &entry.action, &entry.subject, &entry.detail, &entry.changes}) {
      *text = storable(*text);
    }
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return;
  Parameters parameters;
  parameters.add_each(entries, [](const AuditEntry& one) { return one.organization_id; });
  parameters.add_each(entries, [](const AuditEntry& one) { return one.at; });
  for (const auto text :
       {&AuditEntry::actor, &AuditEntry::action, &AuditEntry::subject, &AuditEntry::detail, &AuditEntry::changes}) {
    parameters.add_each(entries, [text](const AuditEntry& one) { return std::string_view(one.*text); });
  }
  (void)session.run(sql, parameters);
}

Page<AuditRecord> PostgresAuditLog::list(const AuditQuery& query) {
  if (!is_storable(query.action.value_or("")) || !is_storable(query.subject.value_or(""))) return {};
  static const std::string all = columns + in_order;
  static const std::string of_action = columns + R"sql(
      and action = $7)sql" + in_order;
  static const std::string of_subject = columns + R"sql(
      and subject = $7
      and ($8::text is null or action = $8))sql" +
                                        in_order;
  const AuditCursor bound = upper_bound(query);
  Parameters parameters(query.organization_id, bound.at, bound.place, query.since.value_or(Time::min()),
                        query.limit + 1, query.after ? 0 : query.offset);
  const std::string* sql = &all;
  if (query.subject) {
    sql = &of_subject;
    parameters.add(*query.subject);
    parameters.add(query.action);
  } else if (query.action) {
    sql = &of_action;
    parameters.add(*query.action);
  }
  return pages_.read([&](Session& session) {
    const Rows rows = session.run(*sql, parameters);
    Page<AuditRecord> page;
    for (std::size_t at = 0; at < rows.size(); ++at) page.items.push_back(record_from(rows, at));
    page.has_more = page.items.size() > query.limit;
    if (page.has_more) page.items.resize(query.limit);
    return page;
  });
}

std::size_t PostgresAuditLog::expire(Time before, std::size_t limit) {
  static const std::string sql = R"sql(
    delete from audit_entries
    where id = any (array(
      select id
      from audit_entries
      where at < $1
      order by at
      limit $2
      for update skip locked)))sql";
  return upkeep_.write([&](Session& session) { return session.run(sql, before, limit).changed(); });
}

}  // namespace punctual::postgres
