// `punctual node list`: the servers that work on a store.
#pragma once

#include "cli/command.hpp"

namespace punctual {

void add_node_commands(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
