// punctual org create NAME, org list, org show NAME, org set NAME LIMIT=VALUE…, org secret NAME, org rotate-secret NAME.
#pragma once

#include "cli/command.hpp"

namespace punctual {

// `common` and `action` outlive the application.
void add_organization_commands(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
