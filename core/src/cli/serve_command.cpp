#include "cli/serve_command.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/dev_mode.hpp"
#include "cli/server.hpp"
#include "cli/setup.hpp"
#include "cli/stop_signals.hpp"
#include "host/masking.hpp"
#include "host/setting_value.hpp"

namespace punctual {
namespace {

struct ServeOptions {
  std::optional<std::string> listen;
  bool dev = false;
};

Setup set_up(const CommonOptions& common, const ServeOptions& options) {
  CommandSettings own;
  if (options.dev) own.defaults = dev_defaults();
  if (options.listen) own.options.push_back({"http.listen", *options.listen, "--listen"});
  return load_setup(common, own);
}

int serve(const CommonOptions& common, const ServeOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  StopSignals signals;
  const Setup setup = set_up(common, options);
  const Settings settings = setup.settings.all();
  const milliseconds deadline = settings.duration("server.shutdown_deadline");
  Log log(LogSettings::read(settings));
  SystemClock clock;
  Server server(setup.catalog, setup.settings, log, clock);
  server.start();
  const std::string listening_at = server.listening_at();
  if (options.dev) {
    const std::string key = make_dev_key(server.storage().directory(), clock.now());
    std::cout << dev_greeting(key, listening_at) << std::flush;
  }
  const auto taken = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  log.info("ready at http://" + listening_at + " with storage " + mask_secrets(settings.string("storage.url")) +
           ", started in " + std::to_string(taken.count()) + " ms");

  const std::string signal = signals.wait();
  log.info(signal + ": taking no new work, attempts under way have " + format_duration(deadline) + " to end");
  server.stop(deadline);
  log.info("stopped");
  return 0;
}

}  // namespace

void add_serve_command(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& command = *app.add_subcommand("serve", "Run the server until SIGTERM or SIGINT");
  const auto options = std::make_shared<ServeOptions>();
  command.add_option("--listen", options->listen, "Short for --set http.listen=ADDRESS")->type_name("ADDRESS");
  command.add_flag("--dev", options->dev,
                   "Allow private targets, make the organisation dev with a fresh key, print a first request");
  common.add_to(command);
  command.callback([&common, &action, options] { action = [&common, options] { return serve(common, *options); }; });
}

}  // namespace punctual
