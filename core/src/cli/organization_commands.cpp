#include "cli/organization_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/open_store.hpp"
#include "cli/organization_limits_text.hpp"
#include "cli/organizations.hpp"
#include "host/setting_value.hpp"

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

int show(const CommonOptions& common, const std::string& name) {
  const auto store = open_migrated(common);
  const auto organization = require_organization(store->directory(), name);
  const auto line = [](std::string_view what, const std::string& value) { std::cout << what << "  " << value << '\n'; };
  line("id", organization.id.text());
  line("name", organization.name);
  line("made", format_rfc3339(organization.inserted_at));
  for (const auto& [limit, value] : limits_in_words(organization)) line(limit, value);
  if (const auto use = store->quotas().find(organization.id, store->now())) {
    line("executions_this_month", std::to_string(use->used));
  }
  const auto& until = organization.old_secret_until;
  if (organization.signing_secrets.size() > 1 && (!until || store->now() < *until)) {
    line("old_secret_until", until ? format_rfc3339(*until) : "it is taken away");
  }
  return 0;
}

int print_secret(const CommonOptions& common, const std::string& name) {
  std::cout << require_organization(open_migrated(common)->directory(), name).signing_secrets.at(0) << '\n';
  return 0;
}

struct Rotation {
  std::string overlap = "24h";
  bool finish = false;
};

int rotate(const CommonOptions& common, const std::string& name, const Rotation& rotation) {
  const auto overlap = parse_duration(rotation.overlap);
  if (!overlap || *overlap > std::chrono::days{366}) {
    throw UsageError("--overlap must be a duration such as 24h, at most 366d, not '" + rotation.overlap + "'");
  }
  const auto store = open_migrated(common);
  const auto organization = require_organization(store->directory(), name);
  if (rotation.finish) {
    finish_rotation(store->directory(), organization, store->now());
  } else {
    std::cout << rotate_secret(store->directory(), organization, *overlap, store->now()) << '\n';
  }
  return 0;
}

int set(const CommonOptions& common, const std::string& name, const std::vector<std::string>& assignments) {
  Organization nobody;
  set_limits(nobody, assignments);  // what makes no sense needs no store to be refused
  const auto store = open_migrated(common);
  change_limits(store->directory(), require_organization(store->directory(), name), assignments, store->now());
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

  CLI::App& showing = *group.add_subcommand("show", "Print the limits of an organisation and what of them is used");
  showing.add_option("NAME", *name, "Name of the organisation")->required();
  common.add_to(showing);
  showing.callback([&common, &action, name] { action = [&common, name] { return show(common, *name); }; });

  const auto assignments = std::make_shared<std::vector<std::string>>();
  CLI::App& setting = *group.add_subcommand("set", "Set limits: " + known_limits() + "; each also =none");
  setting.add_option("NAME", *name, "Name of the organisation")->required();
  setting.add_option("LIMIT", *assignments, "name=value, as many as wanted")->required();
  common.add_to(setting);
  setting.callback([&common, &action, name, assignments] {
    action = [&common, name, assignments] { return set(common, *name, *assignments); };
  });

  CLI::App& secret = *group.add_subcommand("secret", "Print the newest signing secret, alone");
  secret.add_option("NAME", *name, "Name of the organisation")->required();
  common.add_to(secret);
  secret.callback([&common, &action, name] { action = [&common, name] { return print_secret(common, *name); }; });

  const auto rotation = std::make_shared<Rotation>();
  CLI::App& rotating = *group.add_subcommand("rotate-secret", "Make a new signing secret; prints it, alone");
  rotating.add_option("NAME", *name, "Name of the organisation")->required();
  CLI::Option* overlap =
      rotating.add_option("--overlap", rotation->overlap, "How long deliveries are signed with the old one, too [24h]");
  overlap->type_name("DURATION");
  rotating.add_flag("--finish", rotation->finish, "Make none: end the last rotation, the old secret goes now")
      ->excludes(overlap);
  common.add_to(rotating);
  rotating.callback([&common, &action, name, rotation] {
    action = [&common, name, rotation] { return rotate(common, *name, *rotation); };
  });
}

}  // namespace punctual
