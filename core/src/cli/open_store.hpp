// OpenStore: the store, opened by a command that is no server. Works beside a running server and without one. Main thread
// only.
#pragma once

#include "cli/setup.hpp"
#include "engine/clock.hpp"
#include "host/log.hpp"
#include "host/metrics_registry.hpp"
#include "host/plugin_instance.hpp"
#include "host/process_host.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class OpenStore {
 public:
  // Opens what the settings name, without touching its schema. Throws as load_setup and choose_storage, and PluginRefused
  // when the store cannot be opened. The log is silent below warnings unless the user asked for more.
  explicit OpenStore(const CommonOptions& common);

  Migration migrate() { return storage_->maintenance().migrate(); }
  [[nodiscard]] Directory& directory() { return storage_->directory(); }
  [[nodiscard]] Quotas& quotas() { return storage_->quotas(); }
  [[nodiscard]] Channels& channels() { return storage_->channels(); }
  [[nodiscard]] Leases& leases() { return storage_->leases(); }
  [[nodiscard]] Time now() const { return clock_.now(); }

  // For commands that use other plugins, too.
  [[nodiscard]] const Setup& setup() const { return setup_; }
  [[nodiscard]] ProcessHost& host() { return host_; }
  [[nodiscard]] Clock& clock() { return clock_; }

 private:
  Setup setup_;
  Log log_;
  MetricsRegistry metrics_;
  SystemClock clock_;
  ProcessHost host_{log_, metrics_, clock_};
  PluginInstance<Storage> storage_;
};

// The same with its schema brought up to date, as commands that read or write rows need it.
[[nodiscard]] std::unique_ptr<OpenStore> open_migrated(const CommonOptions& common);

}  // namespace punctual
