#include "cli/organization_commands.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <memory>

#include "cli/open_store.hpp"
#include "cli/organizations.hpp"

namespace punctual {
namespace {

int create(const CommonOptions& common, const std::string& name) {
  const auto store = open_migrated(common);
  IdGenerator ids;
  std::cout << create_organization(store->directory(), ids, name, store->now()).id.text() << '\n';
  return 0;
}

int list(const CommonOptions& common) {
  for (const Organization& organization : open_migrated(common)->directory().list_organizations()) {
    std::cout << organization.id.text() << "  " << format_rfc3339(organization.inserted_at) << "  " << organization.name
              << '\n';
  }
  return 0;
}

int print_secret(const CommonOptions& common, const std::string& name) {
  std::cout << require_organization(open_migrated(common)->directory(), name).signing_secrets.at(0) << '\n';
  return 0;
}

// "max_concurrent=20", or "max_concurrent=none".
int set(const CommonOptions& common, const std::string& name, const std::string& assignment) {
  constexpr std::string_view known = "max_concurrent=";
  if (!std::string_view(assignment).starts_with(known)) {
    throw UsageError("org set takes max_concurrent=NUMBER or max_concurrent=none, not '" + assignment + "'");
  }
  const std::string_view value = std::string_view(assignment).substr(known.size());
  std::optional<int> most;
  if (value != "none") {
    int number = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    if (read.ec != std::errc{} || read.ptr != value.data() + value.size() || number < 1) {
      throw UsageError("max_concurrent must be a number from 1 on, or none, not '" + std::string(value) + "'");
    }
    most = number;
  }
  const auto store = open_migrated(common);
  const auto organization = require_organization(store->directory(), name);
  (void)store->directory().set_max_concurrent(organization.id, most);
  return 0;
}

}  // namespace

void add_organization_commands(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& group = *app.add_subcommand("org", "Organisations")->require_subcommand(1);
  const auto name = std::make_shared<std::string>();

  CLI::App& creating = *group.add_subcommand("create", "Make an organisation; prints its id");
  creating.add_option("NAME", *name, "Unique, 1 to 255 bytes")->required();
  common.add_to(creating);
  creating.callback([&common, &action, name] { action = [&common, name] { return create(common, *name); }; });

  CLI::App& listing = *group.add_subcommand("list", "One line each: id, made at, name");
  common.add_to(listing);
  listing.callback([&common, &action] { action = [&common] { return list(common); }; });

  const auto assignment = std::make_shared<std::string>();
  CLI::App& setting = *group.add_subcommand("set", "Set a limit: max_concurrent=NUMBER (executions at once) or =none");
  setting.add_option("NAME", *name, "Name of the organisation")->required();
  setting.add_option("LIMIT", *assignment, "max_concurrent=NUMBER|none")->required();
  common.add_to(setting);
  setting.callback([&common, &action, name, assignment] {
    action = [&common, name, assignment] { return set(common, *name, *assignment); };
  });

  CLI::App& secret = *group.add_subcommand("secret", "Print the newest signing secret, alone");
  secret.add_option("NAME", *name, "Name of the organisation")->required();
  common.add_to(secret);
  secret.callback([&common, &action, name] { action = [&common, name] { return print_secret(common, *name); }; });
}

}  // namespace punctual
