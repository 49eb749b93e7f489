// punctual key create --org NAME [--name NAME] [--expires DURATION], key list --org NAME, key revoke PUBLIC_ID.
#pragma once

#include "cli/command.hpp"

namespace punctual {

// `common` and `action` outlive the application.
void add_key_commands(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
