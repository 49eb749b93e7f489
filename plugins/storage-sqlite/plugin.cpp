// The descriptor of the plugin storage-sqlite.
#include "punctual/plugin.hpp"

#include <array>

#include "sqlite_store.hpp"

namespace {

constexpr std::array settings{
    punctual_setting{"storage.url", PUNCTUAL_STRING, "sqlite:punctual.db",
                     "Where everything is kept: sqlite:FILE or sqlite:///ABSOLUTE/FILE."},
    punctual_setting{"sqlite.busy_timeout", PUNCTUAL_DURATION, "5s",
                     "How long to wait for another process that is writing, or for a free reader."},
    punctual_setting{"sqlite.readers", PUNCTUAL_INTEGER, "4", "Connections that read beside the one writer."},
    punctual_setting{"sqlite.cache_size", PUNCTUAL_INTEGER, "65536", "KiB of pages that the writer keeps in memory."},
};

}  // namespace

extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) {
  static const punctual_plugin plugin =
      punctual::describe_plugin<punctual::Storage, punctual::sqlite::SqliteStore>("storage-sqlite", settings);
  return &plugin;
}
