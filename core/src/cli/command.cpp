#include "cli/command.hpp"

#include <CLI/CLI.hpp>

namespace punctual {

void CommonOptions::add_to(CLI::App& command) {
  const std::string group = "Common options";
  command.add_option("--config", config, "Settings file (TOML)")->type_name("FILE")->group(group);
  command.add_option("--storage", storage, "Short for --set storage.url=URL")->type_name("URL")->group(group);
  command.add_option("--plugins", plugins, "Folder of the plugins")->type_name("DIR")->group(group);
  // One value for each --set: what follows it is the command's own again.
  command.add_option("--set", set, "One setting, e.g. log.level=debug; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group(group);
}

}  // namespace punctual
