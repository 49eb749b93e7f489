#include "directory.hpp"

#include <algorithm>
#include <tuple>

#include "audit_log.hpp"
#include "monthly_quotas.hpp"
#include "punctual/errors.hpp"
#include "rows.hpp"

namespace punctual::sqlite {
namespace {

const std::string organization_columns = R"sql(organizations.id, organizations.name, organizations.signing_secrets,
      organizations.inserted_at, organizations.max_concurrent, quotas.most, organizations.min_cron_interval_s,
      organizations.max_tasks, organizations.retention_s, organizations.old_secret_until,
      organizations.notify_on_failure, organizations.notify_on_recovery)sql";

// A reader of the columns of a row, one after the other.
class Columns {
 public:
  Columns(const Query& row, int first) : row_(row), next_(first) {}
  template <class T>
  void read(T& value) {
    value = row_.get<T>(next_++);
  }

 private:
  const Query& row_;
  int next_;
};

Organization organization_from(const Query& row, int first_column) {
  Organization out;
  std::string secrets;
  Columns columns(row, first_column);
  columns.read(out.id);
  columns.read(out.name);
  columns.read(secrets);
  out.signing_secrets = strings_from_json(secrets);
  columns.read(out.inserted_at);
  columns.read(out.max_concurrent);
  columns.read(out.limits.monthly_executions);
  columns.read(out.limits.min_cron_interval);
  columns.read(out.limits.max_tasks);
  columns.read(out.limits.retention);
  columns.read(out.old_secret_until);
  columns.read(out.notify_on_failure);
  columns.read(out.notify_on_recovery);
  return out;
}

const std::string key_columns = R"sql(api_keys.id, api_keys.organization_id, api_keys.public_id, api_keys.secret_hash,
      api_keys.inserted_at, api_keys.last_used_at, api_keys.revoked_at, api_keys.name, api_keys.expires_at)sql";
constexpr int key_column_count = 9;

ApiKey key_from(const Query& row) {
  ApiKey out;
  Columns columns(row, 0);
  columns.read(out.id);
  columns.read(out.organization_id);
  columns.read(out.public_id);
  columns.read(out.secret_hash);
  columns.read(out.inserted_at);
  columns.read(out.last_used_at);
  columns.read(out.revoked_at);
  columns.read(out.name);
  columns.read(out.expires_at);
  return out;
}

// Writes what can be changed of an organisation.
void write_terms(Connection& connection, const Organization& organization) {
  const auto least = [](const char* name, auto limit, auto one) {
    if (limit && *limit < one) throw Invalid(name, "must be at least 1");
  };
  const OrganizationLimits& limits = organization.limits;
  least("max_concurrent", organization.max_concurrent, 1);
  least("monthly_executions", limits.monthly_executions, 1);
  least("min_cron_interval", limits.min_cron_interval, seconds{1});
  least("max_tasks", limits.max_tasks, 1);
  least("retention", limits.retention, seconds{1});
  Query(connection, R"sql(
    update organizations
    set signing_secrets = ?2, max_concurrent = ?3, min_cron_interval_s = ?4, max_tasks = ?5, retention_s = ?6,
      old_secret_until = ?7, notify_on_failure = ?8, notify_on_recovery = ?9
    where id = ?1)sql",
        organization.id, strings_to_json(organization.signing_secrets), organization.max_concurrent,
        limits.min_cron_interval, limits.max_tasks, limits.retention, organization.old_secret_until,
        organization.notify_on_failure, organization.notify_on_recovery)
      .run();
  set_quota(connection, organization.id, limits.monthly_executions);
}

}  // namespace

void SqliteDirectory::create_organization(const Organization& organization, const AuditEntry* audit) {
  writer_.write([&](Connection& connection) {
    const bool created = Query(connection, R"sql(
      insert into organizations (id, name, signing_secrets, inserted_at)
      values (?1, ?2, ?3, ?4)
      on conflict (name) do nothing)sql",
                               organization.id, organization.name, strings_to_json(organization.signing_secrets),
                               organization.inserted_at)
                             .run() > 0;
    if (!created) throw Conflict("an organization named \"" + organization.name + "\" exists already");
    write_terms(connection, organization);
    write_audit(connection, audit);
  });
}

std::optional<Organization> SqliteDirectory::find_organization(std::string_view name) {
  static const std::string sql = "select " + organization_columns + R"sql(
      from organizations
      left join quotas on quotas.organization_id = organizations.id
      where organizations.name = ?1)sql";
  return readers_.read([&](Connection& connection) -> std::optional<Organization> {
    Query row(connection, sql, name);
    if (!row.next()) return std::nullopt;
    return organization_from(row, 0);
  });
}

std::vector<Organization> SqliteDirectory::list_organizations() {
  static const std::string sql = "select " + organization_columns + R"sql(
      from organizations
      left join quotas on quotas.organization_id = organizations.id)sql";
  return readers_.read([&](Connection& connection) {
    std::vector<Organization> out;
    Query rows(connection, sql);
    while (rows.next()) out.push_back(organization_from(rows, 0));
    std::sort(out.begin(), out.end(), [](const Organization& a, const Organization& b) {
      return std::tie(a.inserted_at, a.id) < std::tie(b.inserted_at, b.id);
    });
    return out;
  });
}

void SqliteDirectory::create_key(const ApiKey& key, const AuditEntry* audit) {
  writer_.write([&](Connection& connection) {
    Query(connection, R"sql(
      insert into api_keys (id, organization_id, public_id, secret_hash, inserted_at, last_used_at, revoked_at, name,
        expires_at)
      values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9))sql",
          key.id, key.organization_id, key.public_id, key.secret_hash, key.inserted_at, key.last_used_at,
          key.revoked_at, key.name, key.expires_at)
        .run();
    write_audit(connection, audit);
  });
}

std::optional<KeyOwner> SqliteDirectory::find_key(std::string_view public_id) {
  static const std::string sql = "select " + key_columns + ", " + organization_columns + R"sql(
      from api_keys
      join organizations on organizations.id = api_keys.organization_id
      left join quotas on quotas.organization_id = organizations.id
      where api_keys.public_id = ?1)sql";
  return readers_.read([&](Connection& connection) -> std::optional<KeyOwner> {
    Query row(connection, sql, public_id);
    if (!row.next()) return std::nullopt;
    return KeyOwner{key_from(row), organization_from(row, key_column_count)};
  });
}

std::vector<ApiKey> SqliteDirectory::list_keys(OrganizationId organization) {
  static const std::string sql = "select " + key_columns + R"sql(
      from api_keys
      where organization_id = ?1
      order by inserted_at, id)sql";
  return readers_.read([&](Connection& connection) {
    std::vector<ApiKey> out;
    Query rows(connection, sql, organization);
    while (rows.next()) out.push_back(key_from(rows));
    return out;
  });
}

bool SqliteDirectory::revoke_key(std::string_view public_id, Time at, const AuditEntry* audit) {
  return writer_.write([&](Connection& connection) {
    const bool revoked = Query(connection, R"sql(
      update api_keys
      set revoked_at = ?2
      where public_id = ?1
        and revoked_at is null)sql",
                               public_id, at)
                             .run() > 0;
    if (revoked) write_audit(connection, audit);
    return revoked || Query(connection, R"sql(
      select 1
      from api_keys
      where public_id = ?1)sql",
                            public_id)
                          .next();
  });
}

void SqliteDirectory::touch_key(KeyId key, Time last_used_at) {
  writer_.write([&](Connection& connection) {
    Query(connection, R"sql(
      update api_keys
      set last_used_at = ?2
      where id = ?1
        and (last_used_at is null or last_used_at < ?2))sql",
          key, last_used_at)
        .run();
  });
}

bool SqliteDirectory::change_organization(OrganizationId id, const OrganizationChange& change) {
  static const std::string sql = "select " + organization_columns + R"sql(
      from organizations
      left join quotas on quotas.organization_id = organizations.id
      where organizations.id = ?1)sql";
  return writer_.write([&](Connection& connection) {
    Organization organization;
    {
      Query row(connection, sql, id);
      if (!row.next()) return false;
      organization = organization_from(row, 0);
    }
    const auto audit = change(organization);
    write_terms(connection, organization);
    if (audit) write_audit(connection, *audit);
    return true;
  });
}

std::optional<seconds> SqliteDirectory::longest_retention() {
  return readers_.read([](Connection& connection) -> std::optional<seconds> {
    Query row(connection, "select max(retention_s) from organizations");
    return row.next() ? row.get<std::optional<seconds>>(0) : std::nullopt;
  });
}

std::size_t SqliteDirectory::end_rotations(Time now) {
  std::vector<Organization> ending = list_organizations();
  std::erase_if(ending, [&](const Organization& one) { return !one.old_secret_until || *one.old_secret_until > now; });
  std::size_t ended = 0;
  for (const Organization& one : ending) {
    bool ends = false;
    (void)change_organization(one.id, [&](Organization& stored) -> std::optional<AuditEntry> {
      // Somebody may have ended it, or begun another, in the meantime.
      ends = stored.old_secret_until && *stored.old_secret_until <= now;
      if (!ends) return std::nullopt;
      stored.signing_secrets.resize(1);
      stored.old_secret_until.reset();
      return AuditEntry{stored.id,        now,
                        "system",         "organization.secret_rotation_ended",
                        stored.id.text(), "Took the old signing secret out of use"};
    });
    if (ends) ++ended;
  }
  return ended;
}

}  // namespace punctual::sqlite
