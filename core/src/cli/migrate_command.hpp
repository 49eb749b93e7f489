// punctual migrate: creates the schema, or brings it up to date.
#pragma once

#include "cli/command.hpp"

namespace punctual {

// `common` and `action` outlive the application.
void add_migrate_command(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
