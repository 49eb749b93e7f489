#include "cli/node_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/open_store.hpp"

namespace punctual {
namespace {

int list(const CommonOptions& common) {
  for (const NodeStatus& one : open_migrated(common)->leases().list()) {
    std::cout << one.node.id.text() << "  " << format_rfc3339(one.node.at) << "  " << one.node.host << ':'
              << one.node.pid << "  silent " << one.silent.count() << " ms  " << one.claims << " claims\n";
  }
  return 0;
}

}  // namespace

void add_node_commands(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& group = *app.add_subcommand("node", "Servers that work on the store")->require_subcommand(1);
  CLI::App& listing =
      *group.add_subcommand("list", "One line each: id, since when, host and process, last heartbeat, executions held");
  common.add_to(listing);
  listing.callback([&common, &action] { action = [&common] { return list(common); }; });
}

}  // namespace punctual
