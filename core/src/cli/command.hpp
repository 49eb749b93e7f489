// What all commands share: the options that each takes, and the shape of a command. Main thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "punctual/errors.hpp"

namespace CLI {
class App;
}

namespace punctual {

// Arguments that do not make sense: ends the process with exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// --config, --storage, --plugins and --set, as given.
struct CommonOptions {
  std::optional<std::string> config;
  std::optional<std::string> storage;
  std::optional<std::string> plugins;
  std::vector<std::string> set;

  void add_to(CLI::App& command);
};

// What a command does once its arguments are read; gives the exit code. Each add_…_command function adds a command to the
// application and, when that command was given, sets the action.
using Action = std::function<int()>;

}  // namespace punctual
