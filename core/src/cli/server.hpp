// Server: a running Punctual, wired together: store, transports, engine, frontend. Main thread only.
#pragma once

#include <memory>
#include <string>

#include "engine/clock.hpp"
#include "host/log.hpp"
#include "host/plugin_catalog.hpp"
#include "host/settings_reader.hpp"
#include "punctual/storage.hpp"
#include "punctual/time.hpp"

namespace punctual {

class Server {
 public:
  // Reads nothing and opens nothing yet. All arguments outlive the server.
  Server(const PluginCatalog& catalog, const EffectiveSettings& settings, Log& log, Clock& clock);
  // Stops at once when it was not stopped: attempts under way go back to pending.
  ~Server();

  // Opens the store and brings its schema up to date, starts the engine, then the frontend. When it returns, requests are
  // answered. Throws Conflict when another server has the store, Error for whatever else stands in the way; what was begun
  // is undone. Once.
  void start();

  // After start: where the frontend answers, e.g. "127.0.0.1:8080".
  [[nodiscard]] std::string listening_at() const;
  [[nodiscard]] Storage& storage();

  // Refuses new work (the frontend goes on answering, with 503), gives attempts under way `deadline` to end, puts the rest
  // back to pending, closes everything. A second call does nothing.
  void stop(milliseconds deadline) noexcept;

 private:
  struct Parts;

  const PluginCatalog& catalog_;
  const EffectiveSettings& settings_;
  Log& log_;
  Clock& clock_;
  std::unique_ptr<Parts> parts_;  // from start to stop
};

}  // namespace punctual
