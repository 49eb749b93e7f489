#include "cli/organizations.hpp"

#include <algorithm>
#include <string>

#include "cli/command.hpp"
#include "delivery/signer.hpp"

namespace punctual {
namespace {

void check_name(std::string_view name) {
  const bool control = std::ranges::any_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (name.empty() || name.size() > 255 || control) {
    throw UsageError("an organisation's name has 1 to 255 bytes and no control characters");
  }
}

}  // namespace

Organization create_organization(Directory& directory, IdGenerator& ids, std::string_view name, Time now) {
  check_name(name);
  Organization organization{ids.next<OrganizationId>(now), std::string(name), {make_signing_secret()}, now};
  try {
    directory.create_organization(organization);
  } catch (const Conflict&) {
    throw Conflict("there is already an organisation named '" + organization.name + "'");
  }
  return organization;
}

Organization require_organization(Directory& directory, std::string_view name) {
  if (auto found = directory.find_organization(name)) return std::move(*found);
  throw NotFound("there is no organisation named '" + std::string(name) + "'");
}

}  // namespace punctual
