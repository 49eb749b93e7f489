#include "cli/key_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/open_store.hpp"
#include "cli/organizations.hpp"
#include "host/setting_value.hpp"

namespace punctual {
namespace {

struct Wanted {
  std::string name;
  std::string expires;
};

KeyWish wish_of(const Wanted& wanted) {
  KeyWish wish{wanted.name, std::nullopt};
  if (wanted.expires.empty()) return wish;
  wish.valid_for = parse_duration(wanted.expires);
  if (!wish.valid_for || *wish.valid_for < seconds{1} || *wish.valid_for > std::chrono::days{3660}) {
    throw UsageError("--expires must be a duration such as 90d, from 1s to 3660d, not '" + wanted.expires + "'");
  }
  return wish;
}

int create(const CommonOptions& common, const std::string& organization, const Wanted& wanted) {
  const KeyWish wish = wish_of(wanted);
  const auto store = open_migrated(common);
  IdGenerator ids;
  const OrganizationId owner = require_organization(store->directory(), organization).id;
  std::cout << create_key(store->directory(), ids, owner, wish, store->now()).text << '\n';
  return 0;
}

int list(const CommonOptions& common, const std::string& organization) {
  const auto store = open_migrated(common);
  const OrganizationId owner = require_organization(store->directory(), organization).id;
  for (const ApiKey& key : store->directory().list_keys(owner)) {
    std::cout << key.public_id << "  made " << format_rfc3339(key.inserted_at) << "  "
              << (key.last_used_at ? "used " + format_rfc3339(*key.last_used_at) : "never used");
    if (key.revoked_at) std::cout << "  revoked " << format_rfc3339(*key.revoked_at);
    if (key.expires_at) {
      std::cout << (*key.expires_at <= store->now() ? "  expired " : "  expires ") << format_rfc3339(*key.expires_at);
    }
    if (!key.name.empty()) std::cout << "  " << key.name;
    std::cout << '\n';
  }
  return 0;
}

int revoke(const CommonOptions& common, const std::string& public_id) {
  const auto store = open_migrated(common);
  if (!revoke_key(store->directory(), public_id, store->now())) {
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
  const auto wanted = std::make_shared<Wanted>();
  creating.add_option("--name", wanted->name, "What it is for, at most 255 bytes")->type_name("TEXT");
  creating.add_option("--expires", wanted->expires, "How long it is valid; without it until it is revoked")
      ->type_name("DURATION");
  common.add_to(creating);
  creating.callback([&common, &action, text, wanted] {
    action = [&common, text, wanted] { return create(common, *text, *wanted); };
  });

  CLI::App& listing =
      *group.add_subcommand("list", "One line each: public id, made at, last used, revoked at, expires at, name");
  listing.add_option("--org", *text, "Name of the organisation")->type_name("NAME")->required();
  common.add_to(listing);
  listing.callback([&common, &action, text] { action = [&common, text] { return list(common, *text); }; });

  CLI::App& revoking = *group.add_subcommand("revoke", "End a key; running servers notice within 5 seconds");
  revoking.add_option("PUBLIC_ID", *text, "pk_live_…, the key's part before the dot")->required();
  common.add_to(revoking);
  revoking.callback([&common, &action, text] { action = [&common, text] { return revoke(common, *text); }; });
}

}  // namespace punctual
