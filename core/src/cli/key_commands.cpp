#include "cli/key_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/open_store.hpp"
#include "cli/organizations.hpp"
#include "identity/api_key.hpp"

namespace punctual {
namespace {

int create(const CommonOptions& common, const std::string& organization) {
  const auto store = open_migrated(common);
  IdGenerator ids;
  const Time now = store->now();
  const OrganizationId owner = require_organization(store->directory(), organization).id;
  const NewApiKey key = make_api_key(ids.next<KeyId>(now), owner, now);
  store->directory().create_key(key.record);
  std::cout << key.text << '\n';
  return 0;
}

int list(const CommonOptions& common, const std::string& organization) {
  const auto store = open_migrated(common);
  const OrganizationId owner = require_organization(store->directory(), organization).id;
  for (const ApiKey& key : store->directory().list_keys(owner)) {
    std::cout << key.public_id << "  made " << format_rfc3339(key.inserted_at) << "  "
              << (key.last_used_at ? "used " + format_rfc3339(*key.last_used_at) : "never used");
    if (key.revoked_at) std::cout << "  revoked " << format_rfc3339(*key.revoked_at);
    std::cout << '\n';
  }
  return 0;
}

int revoke(const CommonOptions& common, const std::string& public_id) {
  const auto store = open_migrated(common);
  if (!store->directory().revoke_key(public_id, store->now())) {
    throw NotFound("there is no key '" + public_id + "'; the name of a key is its part before the dot");
  }
  return 0;
}

}  // namespace

void add_key_commands(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& group = *app.add_subcommand("key", "API keys")->require_subcommand(1);
  const auto text = std::make_shared<std::string>();

  CLI::App& creating = *group.add_subcommand("create", "Make an API key; prints it, alone, this one time");
  creating.add_option("--org", *text, "Name of the organisation")->type_name("NAME")->required();
  common.add_to(creating);
  creating.callback([&common, &action, text] { action = [&common, text] { return create(common, *text); }; });

  CLI::App& listing = *group.add_subcommand("list", "One line each: public id, made at, last used, revoked at");
  listing.add_option("--org", *text, "Name of the organisation")->type_name("NAME")->required();
  common.add_to(listing);
  listing.callback([&common, &action, text] { action = [&common, text] { return list(common, *text); }; });

  CLI::App& revoking = *group.add_subcommand("revoke", "End a key; running servers notice within 5 seconds");
  revoking.add_option("PUBLIC_ID", *text, "pk_live_…, the key's part before the dot")->required();
  common.add_to(revoking);
  revoking.callback([&common, &action, text] { action = [&common, text] { return revoke(common, *text); }; });
}

}  // namespace punctual
