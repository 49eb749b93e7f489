#include "directory.hpp"

#include <algorithm>
#include <tuple>

#include "punctual/errors.hpp"
#include "rows.hpp"

namespace punctual::sqlite {
namespace {

Organization organization_from(const Query& row, int first_column) {
  return {row.get<OrganizationId>(first_column), row.get<std::string>(first_column + 1),
          strings_from_json(row.get<std::string>(first_column + 2)), row.get<Time>(first_column + 3),
          row.get<std::optional<int>>(first_column + 4)};
}

ApiKey key_from(const Query& row) {
  return {row.get<KeyId>(0), row.get<OrganizationId>(1),      row.get<std::string>(2),        row.get<Digest>(3),
          row.get<Time>(4),  row.get<std::optional<Time>>(5), row.get<std::optional<Time>>(6)};
}
constexpr int key_columns = 7;

}  // namespace

void SqliteDirectory::create_organization(const Organization& organization) {
  writer_.write([&](Connection& connection) {
    const bool created = Query(connection, R"sql(
      insert into organizations (id, name, signing_secrets, inserted_at, max_concurrent)
      values (?1, ?2, ?3, ?4, ?5)
      on conflict (name) do nothing)sql",
                               organization.id, organization.name, strings_to_json(organization.signing_secrets),
                               organization.inserted_at, organization.max_concurrent)
                             .run() > 0;
    if (!created) throw Conflict("an organization named \"" + organization.name + "\" exists already");
  });
}

std::optional<Organization> SqliteDirectory::find_organization(std::string_view name) {
  return readers_.read([&](Connection& connection) -> std::optional<Organization> {
    Query row(connection, R"sql(
      select id, name, signing_secrets, inserted_at, max_concurrent
      from organizations
      where name = ?1)sql",
              name);
    if (!row.next()) return std::nullopt;
    return organization_from(row, 0);
  });
}

std::vector<Organization> SqliteDirectory::list_organizations() {
  return readers_.read([&](Connection& connection) {
    std::vector<Organization> out;
    Query rows(connection, R"sql(
      select id, name, signing_secrets, inserted_at, max_concurrent
      from organizations)sql");
    while (rows.next()) out.push_back(organization_from(rows, 0));
    std::sort(out.begin(), out.end(), [](const Organization& a, const Organization& b) {
      return std::tie(a.inserted_at, a.id) < std::tie(b.inserted_at, b.id);
    });
    return out;
  });
}

void SqliteDirectory::create_key(const ApiKey& key) {
  writer_.write([&](Connection& connection) {
    Query(connection, R"sql(
      insert into api_keys (id, organization_id, public_id, secret_hash, inserted_at, last_used_at, revoked_at)
      values (?1, ?2, ?3, ?4, ?5, ?6, ?7))sql",
          key.id, key.organization_id, key.public_id, key.secret_hash, key.inserted_at, key.last_used_at,
          key.revoked_at)
        .run();
  });
}

std::optional<KeyOwner> SqliteDirectory::find_key(std::string_view public_id) {
  return readers_.read([&](Connection& connection) -> std::optional<KeyOwner> {
    Query row(connection, R"sql(
      select api_keys.id, api_keys.organization_id, api_keys.public_id, api_keys.secret_hash, api_keys.inserted_at,
        api_keys.last_used_at, api_keys.revoked_at, organizations.id, organizations.name,
        organizations.signing_secrets, organizations.inserted_at, organizations.max_concurrent
      from api_keys
      join organizations on organizations.id = api_keys.organization_id
      where api_keys.public_id = ?1)sql",
              public_id);
    if (!row.next()) return std::nullopt;
    return KeyOwner{key_from(row), organization_from(row, key_columns)};
  });
}

std::vector<ApiKey> SqliteDirectory::list_keys(OrganizationId organization) {
  return readers_.read([&](Connection& connection) {
    std::vector<ApiKey> out;
    Query rows(connection, R"sql(
      select id, organization_id, public_id, secret_hash, inserted_at, last_used_at, revoked_at
      from api_keys
      where organization_id = ?1
      order by inserted_at, id)sql",
               organization);
    while (rows.next()) out.push_back(key_from(rows));
    return out;
  });
}

bool SqliteDirectory::revoke_key(std::string_view public_id, Time at) {
  return writer_.write([&](Connection& connection) {
    return Query(connection, R"sql(
      update api_keys
      set revoked_at = coalesce(revoked_at, ?2)
      where public_id = ?1)sql",
                 public_id, at)
               .run() > 0;
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

bool SqliteDirectory::set_max_concurrent(OrganizationId organization, std::optional<int> most) {
  if (most && *most < 1) throw Invalid("max_concurrent", "must be at least 1");
  return writer_.write([&](Connection& connection) {
    return Query(connection, R"sql(
      update organizations
      set max_concurrent = ?2
      where id = ?1)sql",
                 organization, most)
               .run() > 0;
  });
}

}  // namespace punctual::sqlite
