#include "cli/server.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "cli/setup.hpp"
#include "cli/transports.hpp"
#include "engine/task_engine.hpp"
#include "host/metrics_registry.hpp"
#include "host/notifier_pool.hpp"
#include "host/plugin_instance.hpp"
#include "host/process_host.hpp"

namespace punctual {
namespace {

constexpr std::string_view frontend_name = "http-frontend";

}  // namespace

// In the order in which they are made; destroyed in reverse.
struct Server::Parts {
  Parts(Log& log, Clock& clock) : host(log, metrics, clock) {}

  MetricsRegistry metrics;
  ProcessHost host;
  std::optional<PluginInstance<Storage>> storage;
  Transports transports;
  std::optional<NotifierPool> notifiers;
  std::optional<TaskEngine> engine;
  std::optional<PluginInstance<Frontend>> frontend;
};

Server::Server(const PluginCatalog& catalog, const EffectiveSettings& settings, Log& log, Clock& clock)
    : catalog_(catalog), settings_(settings), log_(log), clock_(clock) {}

Server::~Server() { stop(milliseconds{0}); }

void Server::start() {
  const Settings all = settings_.all();
  const Plugin& storage = choose_storage(catalog_, all.string("storage.url"));
  const Plugin* frontend = catalog_.find(PUNCTUAL_FRONTEND, frontend_name);
  if (frontend == nullptr) throw Error("the plugin '" + std::string(frontend_name) + "' is not there");
  const auto engine_settings = EngineSettings::read(all);
  const auto notifier_limits = read_notifier_limits(all);

  auto parts = std::make_unique<Parts>(log_, clock_);
  const auto json = [&](const Plugin& plugin) { return settings_.json_for(*plugin.descriptor); };
  const auto host_for = [&](const Plugin& plugin) -> const punctual_host& {
    return parts->host.for_plugins(plugin.kind());
  };
  parts->storage.emplace(storage, json(storage), host_for(storage));
  (*parts->storage)->maintenance().migrate();
  for (const Plugin& plugin : catalog_.of_kind(PUNCTUAL_TRANSPORT)) {
    parts->transports.add({plugin, json(plugin), host_for(plugin)});
  }
  // Made before the engine starts: settings that the frontend refuses must not cost a lease.
  parts->frontend.emplace(*frontend, json(*frontend), host_for(*frontend));
  const auto notifiers = catalog_.of_kind(PUNCTUAL_NOTIFIER);
  parts->notifiers.emplace(notifiers, settings_, parts->transports.all(), clock_, parts->host, notifier_limits);
  parts->engine.emplace(**parts->storage, parts->transports.all(), *parts->notifiers, clock_, parts->host,
                        engine_settings);
  parts->transports.engine_drains();
  parts->engine->start();
  (*parts->frontend)->start(*parts->engine);
  parts_ = std::move(parts);
}

std::string Server::listening_at() const { return (*parts_->frontend)->listening_at(); }

Storage& Server::storage() { return **parts_->storage; }

void Server::stop(milliseconds deadline) noexcept {
  if (!parts_) return;
  const auto begun = std::chrono::steady_clock::now();
  parts_->engine->drain(deadline);
  const auto left = deadline - std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  // Requests are answered with 503 by now, so they need little; but each is to get its answer.
  (*parts_->frontend)->stop(std::max<milliseconds>(left, seconds{1}));
  parts_.reset();
}

}  // namespace punctual
