#include "cli/plugin_commands.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "cli/setup.hpp"
#include "engine/sample_events.hpp"
#include "host/plugin_check.hpp"

namespace punctual {
namespace {

int list(const CommonOptions& common) {
  const PluginReport report = list_plugins(PluginCatalog(plugin_folder(common)));
  for (const std::string& line : report.lines) std::cout << line << '\n';
  std::cout.flush();
  if (!report.passed()) throw Error(report.failure);
  return 0;
}

int check(const CommonOptions& common, const std::string& file) {
  Log log;
  MetricsRegistry metrics;
  SystemClock clock;
  ProcessHost host(log, metrics, clock);
  const PluginReport report = check_plugin(file, plugin_folder(common), assignments(common), sample_events(host.now()),
                                           host, [](const std::string& line) { std::cout << line << std::endl; });
  if (report.hangs) {
    // What the plugin still uses on its thread must not be destroyed.
    std::cerr << "punctual: " << report.failure << std::endl;
    std::_Exit(1);
  }
  if (!report.passed()) throw Error(report.failure);
  return 0;
}

}  // namespace

void add_plugin_commands(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& group = *app.add_subcommand("plugin", "Plugins")->require_subcommand(1);
  const auto file = std::make_shared<std::string>();

  CLI::App& listing = *group.add_subcommand("list", "One line for each plugin in the folder");
  common.add_to(listing);
  listing.callback([&common, &action] { action = [&common] { return list(common); }; });

  CLI::App& checking = *group.add_subcommand("check", "Load a plugin, check it and try it");
  checking.add_option("FILE", *file, "The plugin's .so")->required();
  common.add_to(checking);
  checking.callback([&common, &action, file] { action = [&common, file] { return check(common, *file); }; });
}

}  // namespace punctual
