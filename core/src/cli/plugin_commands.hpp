// punctual plugin list, plugin check FILE.
#pragma once

#include "cli/command.hpp"

namespace punctual {

// `common` and `action` outlive the application.
void add_plugin_commands(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
