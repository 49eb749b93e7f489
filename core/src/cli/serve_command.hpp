// punctual serve: the server, until it is told to stop.
#pragma once

#include "cli/command.hpp"

namespace punctual {

// `common` and `action` outlive the application.
void add_serve_command(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
