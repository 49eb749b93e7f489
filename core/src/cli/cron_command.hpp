// punctual cron next EXPR: the same answers as GET /cron/preview.
#pragma once

#include "cli/command.hpp"

namespace punctual {

// `common` and `action` outlive the application.
void add_cron_command(CLI::App& app, CommonOptions& common, Action& action);

}  // namespace punctual
