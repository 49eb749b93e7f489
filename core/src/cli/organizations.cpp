#include "cli/organizations.hpp"

#include <algorithm>
#include <string>

#include "cli/command.hpp"
#include "cli/organization_limits_text.hpp"
#include "delivery/signer.hpp"
#include "host/masking.hpp"

namespace punctual {
namespace {

bool is_name(std::string_view text) {
  const bool control = std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return text.size() <= 255 && !control;
}

AuditEntry entry(OrganizationId organization, Time at, std::string_view actor, std::string action, std::string subject,
                 std::string detail) {
  return {organization, at, std::string(actor), std::move(action), std::move(subject), std::move(detail)};
}

void change(Directory& directory, const Organization& organization, const Directory::OrganizationChange& how) {
  if (!directory.change_organization(organization.id, how)) {
    throw NotFound("the organisation '" + organization.name + "' is not there any more");
  }
}

// An old secret whose time is over signs nothing any more, whether it has been taken away or not.
bool is_rotating(const Organization& organization, Time now) {
  const auto& end = organization.old_secret_until;
  return organization.signing_secrets.size() > 1 && (!end || now < *end);
}

}  // namespace

Organization create_organization(Directory& directory, IdGenerator& ids, std::string_view name, Time now,
                                 std::string_view actor) {
  if (name.empty() || !is_name(name)) {
    throw UsageError("an organisation's name has 1 to 255 bytes and no control characters");
  }
  Organization organization{ids.next<OrganizationId>(now), std::string(name), {make_signing_secret()}, now, {}};
  const AuditEntry audit = entry(organization.id, now, actor, "organization.created", organization.id.text(),
                                 "Made the organisation \"" + mask_secrets(organization.name) + "\"");
  try {
    directory.create_organization(organization, &audit);
  } catch (const Conflict&) {
    throw Conflict("there is already an organisation named '" + organization.name + "'");
  }
  return organization;
}

Organization require_organization(Directory& directory, std::string_view name) {
  if (auto found = directory.find_organization(name)) return std::move(*found);
  throw NotFound("there is no organisation named '" + std::string(name) + "'");
}

void change_limits(Directory& directory, const Organization& organization, const std::vector<std::string>& assignments,
                   Time now) {
  Organization tried = organization;
  set_limits(tried, assignments);
  change(directory, organization, [&](Organization& stored) -> std::optional<AuditEntry> {
    const Organization before = stored;
    set_limits(stored, assignments);
    AuditEntry audit = entry(stored.id, now, cli_actor, "organization.limits_changed", stored.id.text(),
                             "Changed the limits of the organisation");
    audit.changes = describe_limit_changes(before, stored);
    if (audit.changes == "{}") return std::nullopt;
    return audit;
  });
}

std::string rotate_secret(Directory& directory, const Organization& organization, milliseconds overlap, Time now) {
  std::string secret = make_signing_secret();
  change(directory, organization, [&](Organization& stored) -> std::optional<AuditEntry> {
    auto& secrets = stored.signing_secrets;
    if (is_rotating(stored, now)) {
      const auto& end = stored.old_secret_until;
      throw Conflict("an earlier rotation " + (end ? "lasts until " + format_rfc3339(*end) : "has not ended") +
                     "; --finish ends it now");
    }
    secrets.resize(1);
    stored.old_secret_until.reset();
    if (overlap > milliseconds{0}) {
      secrets.insert(secrets.begin(), secret);
      stored.old_secret_until = now + overlap;
    } else {
      secrets.front() = secret;
    }
    return entry(stored.id, now, cli_actor, "organization.secret_rotated", stored.id.text(),
                 stored.old_secret_until ? "Made a signing secret; the one before it is used beside it until " +
                                               format_rfc3339(*stored.old_secret_until)
                                         : "Made a signing secret in place of the one before it");
  });
  return secret;
}

void finish_rotation(Directory& directory, const Organization& organization, Time now) {
  change(directory, organization, [&](Organization& stored) -> std::optional<AuditEntry> {
    if (!is_rotating(stored, now)) throw Conflict("there is no old secret: no rotation is under way");
    stored.signing_secrets.resize(1);
    stored.old_secret_until.reset();
    return entry(stored.id, now, cli_actor, "organization.secret_rotation_ended", stored.id.text(),
                 "Took the old signing secret out of use");
  });
}

NewApiKey create_key(Directory& directory, IdGenerator& ids, OrganizationId owner, const KeyWish& wish, Time now,
                     std::string_view actor) {
  if (!is_name(wish.name)) throw UsageError("a key's name has at most 255 bytes and no control characters");
  NewApiKey key = make_api_key(ids.next<KeyId>(now), owner, now);
  key.record.name = wish.name;
  if (wish.valid_for) key.record.expires_at = now + *wish.valid_for;
  std::string detail = "Made an API key";
  if (!wish.name.empty()) detail += " named \"" + mask_secrets(wish.name) + "\"";
  if (key.record.expires_at) detail += ", valid until " + format_rfc3339(*key.record.expires_at);
  const AuditEntry audit = entry(owner, now, actor, "key.created", key.record.public_id, std::move(detail));
  directory.create_key(key.record, &audit);
  return key;
}

bool revoke_key(Directory& directory, std::string_view public_id, Time now, std::string_view actor) {
  const auto owner = directory.find_key(public_id);
  if (!owner) return false;
  const AuditEntry audit =
      entry(owner->organization.id, now, actor, "key.revoked", owner->key.public_id, "Ended the API key");
  return directory.revoke_key(public_id, now, &audit);
}

}  // namespace punctual
