#include "cli/core_settings.hpp"

#include <vector>

#include "engine/task_engine.hpp"
#include "host/log.hpp"
#include "host/notifier_pool.hpp"

namespace punctual {
namespace {

constexpr punctual_setting own_settings[] = {
    {"storage.url", PUNCTUAL_STRING, "sqlite:punctual.db",
     "Where everything is kept: sqlite:relative.db, sqlite:///absolute.db or postgresql://user@host/database."},
    {"server.shutdown_deadline", PUNCTUAL_DURATION, "20s",
     "How long attempts under way may take to end when the server stops."},
};

}  // namespace

std::span<const punctual_setting> core_settings() {
  static const std::vector<punctual_setting> settings = [] {
    std::vector<punctual_setting> all(std::begin(own_settings), std::end(own_settings));
    for (const auto part : {engine_settings(), notifier_settings(), host_settings()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return settings;
}

}  // namespace punctual
