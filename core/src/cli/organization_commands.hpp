// punctual org create NAME, org list, org secret NAME.
#pragma once

#include "cli/command.hpp"

namespace punctual {

// `common` and `action` outlive the application.
void add_organization_commands(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
