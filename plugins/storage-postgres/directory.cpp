#include "directory.hpp"

#include "punctual/errors.hpp"
#include "stored_text.hpp"

namespace punctual::postgres {
namespace {

const std::string organization_columns = R"sql(
    select organizations.id, organizations.name, organizations.signing_secrets, organizations.inserted_at, caps.most
    from organizations
    left join caps on caps.organization_id = organizations.id)sql";

Organization organization_from(RowReader& row) {
  Organization out;
  row.read(out.id);
  row.read(out.name);
  out.signing_secrets = read_text_array(row.next_bytes());
  row.read(out.inserted_at);
  row.read(out.max_concurrent);
  return out;
}

const std::string key_columns = R"sql(
    select api_keys.id, api_keys.organization_id, api_keys.public_id, api_keys.secret_hash, api_keys.inserted_at,
      api_keys.last_used_at, api_keys.revoked_at)sql";

ApiKey key_from(RowReader& row) {
  ApiKey out;
  row.read(out.id);
  row.read(out.organization_id);
  row.read(out.public_id);
  row.read(out.secret_hash);
  row.read(out.inserted_at);
  row.read(out.last_used_at);
  row.read(out.revoked_at);
  return out;
}

}  // namespace

void PostgresDirectory::create_organization(const Organization& organization) {
  static const std::string sql = R"sql(
    insert into organizations (id, name, signing_secrets, inserted_at)
    values ($1, $2, $3, $4)
    on conflict (name) do nothing
    returning true)sql";
  Parameters parameters(organization.id, organization.name);
  parameters.add_each(organization.signing_secrets, [](const std::string& text) { return std::string_view(text); });
  parameters.add(organization.inserted_at);
  const bool made = pool_.write([&](Session& session) { return !session.run(sql, parameters).empty(); });
  if (!made) throw Conflict("there is an organisation named '" + organization.name + "' already");
  if (organization.max_concurrent) (void)set_max_concurrent(organization.id, organization.max_concurrent);
}

std::optional<Organization> PostgresDirectory::find_organization(std::string_view name) {
  static const std::string sql = organization_columns + R"sql(
    where organizations.name = $1)sql";
  return pool_.read([&](Session& session) -> std::optional<Organization> {
    const Rows rows = session.run(sql, name);
    if (rows.empty()) return std::nullopt;
    RowReader row(rows, 0);
    return organization_from(row);
  });
}

std::vector<Organization> PostgresDirectory::list_organizations() {
  static const std::string sql = organization_columns + R"sql(
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

void PostgresDirectory::create_key(const ApiKey& key) {
  static const std::string sql = R"sql(
    insert into api_keys (id, organization_id, public_id, secret_hash, inserted_at, last_used_at, revoked_at)
    values ($1, $2, $3, $4, $5, $6, $7))sql";
  (void)pool_.write([&](Session& session) {
    return session.run(sql, key.id, key.organization_id, key.public_id, key.secret_hash, key.inserted_at,
                       key.last_used_at, key.revoked_at);
  });
}

std::optional<KeyOwner> PostgresDirectory::find_key(std::string_view public_id) {
  if (!is_storable(public_id)) return std::nullopt;
  static const std::string sql = key_columns + R"sql(, organizations.id, organizations.name,
      organizations.signing_secrets, organizations.inserted_at, caps.most
    from api_keys
    join organizations on organizations.id = api_keys.organization_id
    left join caps on caps.organization_id = organizations.id
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

bool PostgresDirectory::revoke_key(std::string_view public_id, Time at) {
  static const std::string sql = R"sql(
    update api_keys
    set revoked_at = coalesce(revoked_at, $2)
    where public_id = $1
    returning true)sql";
  return pool_.write([&](Session& session) { return !session.run(sql, public_id, at).empty(); });
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

bool PostgresDirectory::set_max_concurrent(OrganizationId organization, std::optional<int> most) {
  if (most && *most < 1) throw Invalid("max_concurrent", "must be greater than or equal to 1");
  static const std::string known = R"sql(
    select
    from organizations
    where id = $1
    for no key update)sql";
  static const std::string drop = R"sql(
    delete from caps
    where organization_id = $1)sql";
  static const std::string set = R"sql(
    insert into caps (organization_id, most, used)
    values ($1, $2, 0)
    on conflict (organization_id) do update
    set most = excluded.most
    returning xmax = 0)sql";
  // What runs when a first cap is set counts from now on.
  static const std::string count = R"sql(
    with counted as (
      update executions
      set counted = true
      where organization_id = $1
        and status = 'running'
        and not counted
      returning true
    )
    update caps
    set used = used + (select count(*) from counted)
    where organization_id = $1)sql";
  static const std::string forget = R"sql(
    update executions
    set counted = false
    where organization_id = $1
      and status = 'running'
      and counted)sql";
  return pool_.write([&](Session& session) {
    if (session.run(known, organization).empty()) return false;
    if (most) {
      const bool is_new = session.run(set, organization, std::int32_t{*most}).get<bool>(0, 0);
      if (is_new) (void)session.run(count, organization);
    } else {
      (void)session.run(drop, organization);
      (void)session.run(forget, organization);
    }
    return true;
  });
}

}  // namespace punctual::postgres
