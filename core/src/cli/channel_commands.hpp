// `punctual channel add|list|remove|test`. Main thread only.
#pragma once

#include "cli/command.hpp"

namespace punctual {

void add_channel_commands(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
