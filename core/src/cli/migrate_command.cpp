#include "cli/migrate_command.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/open_store.hpp"

namespace punctual {
namespace {

int migrate(const CommonOptions& common) {
  const Migration done = OpenStore(common).migrate();
  if (done.from == done.to) {
    std::cout << "schema is at version " << done.to << '\n';
  } else {
    std::cout << "schema brought from version " << done.from << " to " << done.to << '\n';
  }
  return 0;
}

}  // namespace

void add_migrate_command(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& command = *app.add_subcommand("migrate", "Create the schema, or bring it up to date");
  common.add_to(command);
  command.callback([&common, &action] { action = [&common] { return migrate(common); }; });
}

}  // namespace punctual
