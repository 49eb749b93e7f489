#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string_view>

#include "cli/channel_commands.hpp"
#include "cli/command.hpp"
#include "cli/cron_command.hpp"
#include "cli/key_commands.hpp"
#include "cli/migrate_command.hpp"
#include "cli/node_commands.hpp"
#include "cli/organization_commands.hpp"
#include "cli/plugin_commands.hpp"
#include "cli/serve_command.hpp"
#include "host/masking.hpp"
#include "host/settings_reader.hpp"
#include "punctual/version.h"

namespace punctual {
namespace {

constexpr int failed = 1;
constexpr int not_understood = 2;

int complain(int exit_code, std::string_view problem) {
  const std::string line = "punctual: " + one_line(mask_secrets(problem)) + "\n";
  std::fputs(line.c_str(), stderr);
  return exit_code;
}

// Help and version are asked for by what CLI11 calls errors with exit code 0.
int parse(CLI::App& app, int argc, const char* const* argv, bool& ended) {
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& problem) {
    ended = true;
    if (problem.get_exit_code() == 0) return app.exit(problem);
    return complain(not_understood, std::string(problem.what()) + " (see punctual --help)");
  }
}

int run(int argc, const char* const* argv) {
  CLI::App app{"Punctual: calls URLs on time.", "punctual"};
  app.set_version_flag("--version", "punctual " PUNCTUAL_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->column_width(36);
  CommonOptions common;
  Action action;
  add_serve_command(app, common, action);
  add_migrate_command(app, common, action);
  add_organization_commands(app, common, action);
  add_node_commands(app, common, action);
  add_key_commands(app, common, action);
  add_cron_command(app, common, action);
  add_channel_commands(app, common, action);
  add_plugin_commands(app, common, action);

  bool ended = false;
  if (const int exit_code = parse(app, argc, argv, ended); ended) return exit_code;
  const int exit_code = action();
  if (!std::cout.flush()) return complain(failed, "standard output cannot be written");
  return exit_code;
}

}  // namespace

int run_command_line(int argc, const char* const* argv) noexcept {
  try {
    return run(argc, argv);
  } catch (const UsageError& problem) {
    return complain(not_understood, problem.what());
  } catch (const SettingsError& problem) {
    return complain(not_understood, problem.what());
  } catch (const std::exception& problem) {
    return complain(failed, problem.what());
  } catch (...) {
    return complain(failed, "an unknown error");
  }
}

}  // namespace punctual
