#include "directory.hpp"

#include "audit_log.hpp"
#include "functions.hpp"
#include "monthly_quotas.hpp"
#include "punctual/errors.hpp"
#include "stored_text.hpp"

namespace punctual::postgres {

// What runs when a first cap is set counts from now on. The cap is not seen by others yet, so that none waits for it; each row
// is locked before it is counted, so that its end, wherever that is under way, has been before or will free the cap.
const std::string count_running_function = R"sql(
create or replace function count_running(c_organization uuid) returns void
language plpgsql
as $function$
#variable_conflict use_column
declare
  v_id uuid;
  v_number bigint := 0;
begin
  for v_id in
    select id
    from executions
    where organization_id = c_organization
      and status = 'running'
    order by id
  loop
    begin
      update executions
      set counted = true
      where id = v_id
        and status = 'running';
      if found then
        v_number := v_number + 1;
      end if;
    exception when serialization_failure then
      -- It has gone to another partition, so that claim of it has ended.
      null;
    end;
  end loop;
  update caps
  set used = used + v_number
  where organization_id = c_organization;
end
$function$;
)sql";

namespace {

const std::string organization_columns = R"sql(organizations.id, organizations.name, organizations.signing_secrets,
      organizations.inserted_at, caps.most, quotas.most, organizations.min_cron_interval_s, organizations.max_tasks,
      organizations.retention_s, organizations.old_secret_until)sql";

const std::string with_terms = R"sql(
    left join caps on caps.organization_id = organizations.id
    left join quotas on quotas.organization_id = organizations.id)sql";

const std::string organizations_with_terms = R"sql(
    select )sql" + organization_columns + R"sql(
    from organizations)sql" + with_terms;

Organization organization_from(RowReader& row) {
  Organization out;
  row.read(out.id);
  row.read(out.name);
  out.signing_secrets = read_text_array(row.next_bytes());
  row.read(out.inserted_at);
  row.read(out.max_concurrent);
  row.read(out.limits.monthly_executions);
  row.read(out.limits.min_cron_interval);
  row.read(out.limits.max_tasks);
  row.read(out.limits.retention);
  row.read(out.old_secret_until);
  return out;
}

const std::string key_columns = R"sql(
    select api_keys.id, api_keys.organization_id, api_keys.public_id, api_keys.secret_hash, api_keys.inserted_at,
      api_keys.last_used_at, api_keys.revoked_at, api_keys.name, api_keys.expires_at)sql";

ApiKey key_from(RowReader& row) {
  ApiKey out;
  row.read(out.id);
  row.read(out.organization_id);
  row.read(out.public_id);
  row.read(out.secret_hash);
  row.read(out.inserted_at);
  row.read(out.last_used_at);
  row.read(out.revoked_at);
  row.read(out.name);
  row.read(out.expires_at);
  return out;
}

void check_limits(const Organization& organization) {
  const auto least = [](const char* name, auto limit, auto one) {
    if (limit && *limit < one) throw Invalid(name, "must be greater than or equal to 1");
  };
  least("max_concurrent", organization.max_concurrent, 1);
  least("monthly_executions", organization.limits.monthly_executions, 1);
  least("min_cron_interval", organization.limits.min_cron_interval, seconds{1});
  least("max_tasks", organization.limits.max_tasks, 1);
  least("retention", organization.limits.retention, seconds{1});
}

void set_cap(Session& session, OrganizationId organization, std::optional<int> most) {
  static const std::string drop = R"sql(
    delete from caps
    where organization_id = $1)sql";
  static const std::string set = R"sql(
    insert into caps (organization_id, most, used)
    values ($1, $2, 0)
    on conflict (organization_id) do update
    set most = excluded.most
    returning xmax = 0)sql";
  static const std::string count = "select count_running($1)";
  if (!most) {
    // What it has counted stays marked: the end of that finds no cap to free, and the next cap counts it anew.
    (void)session.run(drop, organization);
  } else if (session.run(set, organization, std::int32_t{*most}).get<bool>(0, 0)) {
    (void)session.run(count, organization);
  }
}

// Writes what differs.
void write_terms(Session& session, const Organization& before, const Organization& after) {
  check_limits(after);
  static const std::string sql = R"sql(
    update organizations
    set signing_secrets = $2, min_cron_interval_s = $3, max_tasks = $4, retention_s = $5, old_secret_until = $6
    where id = $1)sql";
  Parameters parameters(after.id);
  parameters.add_each(after.signing_secrets, [](const std::string& text) { return std::string_view(text); });
  parameters.add(after.limits.min_cron_interval);
  parameters.add(after.limits.max_tasks);
  parameters.add(after.limits.retention);
  parameters.add(after.old_secret_until);
  (void)session.run(sql, parameters);
  if (before.limits.monthly_executions != after.limits.monthly_executions) {
    set_quota(session, after.id, after.limits.monthly_executions);
  }
  if (before.max_concurrent != after.max_concurrent) set_cap(session, after.id, after.max_concurrent);
}

}  // namespace

void PostgresDirectory::create_organization(const Organization& organization, const AuditEntry* audit) {
  static const std::string sql = R"sql(
    insert into organizations (id, name, signing_secrets, inserted_at)
    values ($1, $2, $3, $4)
    on conflict (name) do nothing
    returning true)sql";
  Parameters parameters(organization.id, organization.name);
  parameters.add_each(organization.signing_secrets, [](const std::string& text) { return std::string_view(text); });
  parameters.add(organization.inserted_at);
  const bool made = pool_.write([&](Session& session) {
    if (session.run(sql, parameters).empty()) return false;
    write_terms(session, {}, organization);
    write_audit(session, audit);
    return true;
  });
  if (!made) throw Conflict("there is an organisation named '" + organization.name + "' already");
}

std::optional<Organization> PostgresDirectory::find_organization(std::string_view name) {
  static const std::string sql = organizations_with_terms + R"sql(
    where organizations.name = $1)sql";
  return pool_.read([&](Session& session) -> std::optional<Organization> {
    const Rows rows = session.run(sql, name);
    if (rows.empty()) return std::nullopt;
    RowReader row(rows, 0);
    return organization_from(row);
  });
}

std::vector<Organization> PostgresDirectory::list_organizations() {
  static const std::string sql = organizations_with_terms + R"sql(
    order by organizations.inserted_at, organizations.id)sql";
  return pool_.read([&](Session& session) {
    const Rows rows = session.run(sql);
    std::vector<Organization> out;
    for (std::size_t at = 0; at < rows.size(); ++at) {
      RowReader row(rows, at);
      out.push_back(organization_from(row));
    }
    return out;
  });
}

void PostgresDirectory::create_key(const ApiKey& key, const AuditEntry* audit) {
  static const std::string sql = R"sql(
    insert into api_keys (id, organization_id, public_id, secret_hash, inserted_at, last_used_at, revoked_at, name,
      expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9))sql";
  (void)pool_.write([&](Session& session) {
    (void)session.run(sql, key.id, key.organization_id, key.public_id, key.secret_hash, key.inserted_at,
                      key.last_used_at, key.revoked_at, key.name, key.expires_at);
    write_audit(session, audit);
    return true;
  });
}

std::optional<KeyOwner> PostgresDirectory::find_key(std::string_view public_id) {
  if (!is_storable(public_id)) return std::nullopt;
  static const std::string sql = key_columns + ", " + organization_columns + R"sql(
    from api_keys
    join organizations on organizations.id = api_keys.organization_id)sql" +
                                 with_terms + R"sql(
    where api_keys.public_id = $1)sql";
  return pool_.read([&](Session& session) -> std::optional<KeyOwner> {
    const Rows rows = session.run(sql, public_id);
    if (rows.empty()) return std::nullopt;
    RowReader row(rows, 0);
    KeyOwner owner;
    owner.key = key_from(row);
    owner.organization = organization_from(row);
    return owner;
  });
}

std::vector<ApiKey> PostgresDirectory::list_keys(OrganizationId organization) {
  static const std::string sql = key_columns + R"sql(
    from api_keys
    where organization_id = $1
    order by inserted_at, id)sql";
  return pool_.read([&](Session& session) {
    const Rows rows = session.run(sql, organization);
    std::vector<ApiKey> out;
    for (std::size_t at = 0; at < rows.size(); ++at) {
      RowReader row(rows, at);
      out.push_back(key_from(row));
    }
    return out;
  });
}

bool PostgresDirectory::revoke_key(std::string_view public_id, Time at, const AuditEntry* audit) {
  if (!is_storable(public_id)) return false;
  static const std::string revoke = R"sql(
    update api_keys
    set revoked_at = $2
    where public_id = $1
      and revoked_at is null
    returning true)sql";
  static const std::string find = R"sql(
    select
    from api_keys
    where public_id = $1)sql";
  return pool_.write([&](Session& session) {
    if (session.run(revoke, public_id, at).empty()) return !session.run(find, public_id).empty();
    write_audit(session, audit);
    return true;
  });
}

void PostgresDirectory::touch_key(KeyId key, Time last_used_at) {
  static const std::string sql = R"sql(
    update api_keys
    set last_used_at = $2
    where id = $1
      and (last_used_at is null or last_used_at < $2)
    returning true)sql";
  (void)pool_.write([&](Session& session) { return session.run(sql, key, last_used_at); });
}

bool PostgresDirectory::change_organization(OrganizationId id, const OrganizationChange& change) {
  static const std::string lock = R"sql(
    select
    from organizations
    where id = $1
    for no key update)sql";
  // In a statement of its own, which sees what was committed before the lock.
  static const std::string read = organizations_with_terms + R"sql(
    where organizations.id = $1)sql";
  return pool_.write([&](Session& session) {
    if (session.run(lock, id).empty()) return false;
    const Rows rows = session.run(read, id);
    RowReader row(rows, 0);
    const Organization before = organization_from(row);
    Organization after = before;
    const auto audit = change(after);
    write_terms(session, before, after);
    if (audit) write_audit(session, *audit);
    return true;
  });
}

std::optional<seconds> PostgresDirectory::longest_retention() {
  static const std::string sql = "select max(retention_s) from organizations";
  return pool_.read([](Session& session) { return session.run(sql).get<std::optional<seconds>>(0, 0); });
}

std::size_t PostgresDirectory::end_rotations(Time now) {
  static const std::string sql = R"sql(
    update organizations
    set signing_secrets = signing_secrets[1:1], old_secret_until = null
    where old_secret_until <= $1
    returning id)sql";
  return pool_.write([&](Session& session) {
    const Rows ended = session.run(sql, now);
    for (std::size_t at = 0; at < ended.size(); ++at) {
      const auto id = ended.get<OrganizationId>(at, 0);
      write_audit(session, {id, now, "system", "organization.secret_rotation_ended", id.text(),
                            "Took the old signing secret out of use"});
    }
    return ended.size();
  });
}

}  // namespace punctual::postgres
