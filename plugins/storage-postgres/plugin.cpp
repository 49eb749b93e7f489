// The descriptor of the plugin storage-postgres.
#include "punctual/plugin.hpp"

#include <array>

#include "postgres_store.hpp"

namespace {

constexpr std::array settings{
    punctual_setting{
        "storage.url", PUNCTUAL_STRING, "sqlite:punctual.db",
        "Where everything is kept: postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS, as libpq reads it."},
    punctual_setting{"postgres.schema", PUNCTUAL_STRING, "punctual", "The schema of Punctual's tables."},
    punctual_setting{"postgres.pool_size", PUNCTUAL_INTEGER, "12",
                     "Connections for work and pages; four more are open beside them."},
    punctual_setting{"postgres.pool_timeout", PUNCTUAL_DURATION, "2s", "How long to wait for a free connection."},
    punctual_setting{"postgres.statement_timeout", PUNCTUAL_DURATION, "30s",
                     "The longest that one statement may take."},
};

}  // namespace

extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) {
  static const punctual_plugin plugin =
      punctual::describe_plugin<punctual::Storage, punctual::postgres::PostgresStore>("storage-postgres", settings);
  return &plugin;
}
