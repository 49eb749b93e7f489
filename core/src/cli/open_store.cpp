#include "cli/open_store.hpp"

namespace punctual {
namespace {

PluginInstance<Storage> open(const Setup& setup, const ProcessHost& host) {
  const Plugin& plugin = choose_storage(setup.catalog, setup.settings.all().string("storage.url"));
  return {plugin, setup.settings.json_for(*plugin.descriptor), host.for_plugins(PUNCTUAL_STORAGE)};
}

}  // namespace

OpenStore::OpenStore(const CommonOptions& common)
    : setup_(load_setup(common, {.defaults = {{"log.level", "warn", "default"}}, .options = {}})),
      log_(LogSettings::read(setup_.settings.all())),
      storage_(open(setup_, host_)) {}

std::unique_ptr<OpenStore> open_migrated(const CommonOptions& common) {
  auto store = std::make_unique<OpenStore>(common);
  store->migrate();
  return store;
}

}  // namespace punctual
