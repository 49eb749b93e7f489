// The library as the host finds it.
#include "punctual/plugin.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <set>

#include "support/http_target.hpp"
#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct Library {
  Library() : handle(::dlopen(std::getenv("PUNCTUAL_HTTP_PLUGIN"), RTLD_NOW | RTLD_LOCAL)) {
    REQUIRE(handle != nullptr);
  }
  ~Library() { ::dlclose(handle); }

  [[nodiscard]] const punctual_plugin& plugin(std::string_view name) const {
    using Entry = const punctual_plugin* (*)();
    const auto entry = reinterpret_cast<Entry>(::dlsym(handle, PUNCTUAL_PLUGIN_SYMBOL));
    REQUIRE(entry != nullptr);
    for (const auto* plugin = entry(); plugin != nullptr; plugin = plugin->next) {
      if (plugin->name == name) return *plugin;
    }
    throw std::runtime_error("the library has no plugin " + std::string(name));
  }

  void* handle;
};

}  // namespace

TEST_CASE("the library carries the transport and the front end") {
  const Library library;
  CHECK(library.plugin("http-transport").kind == PUNCTUAL_TRANSPORT);
  CHECK(library.plugin("http-frontend").kind == PUNCTUAL_FRONTEND);
  CHECK(std::string(library.plugin("http-transport").cxx_abi_tag) == PUNCTUAL_CXX_ABI_TAG);
}

TEST_CASE("no setting is declared by both plugins") {
  const Library library;
  std::set<std::string> names;
  for (const char* name : {"http-transport", "http-frontend"}) {
    const auto& plugin = library.plugin(name);
    for (std::size_t i = 0; i < plugin.settings_count; ++i) {
      INFO(plugin.settings[i].name);
      CHECK(names.insert(plugin.settings[i].name).second);
    }
  }
}

TEST_CASE("the loaded transport delivers, twice loaded too") {
  HttpTarget target;
  for (int round = 0; round < 2; ++round) {
    const Library library;
    PlainHost host;
    const auto& plugin = library.plugin("http-transport");
    punctual_host for_plugin{};
    for_plugin.struct_size = sizeof for_plugin;
    for_plugin.cxx = static_cast<Host*>(&host);
    char error[256] = {};
    auto* transport = static_cast<Transport*>(plugin.create(settings_json().c_str(), &for_plugin, error, sizeof error));
    INFO(error);
    REQUIRE(transport != nullptr);
    Outcomes outcomes;
    transport->start(delivery_to(target.url()), outcomes.completion());
    CHECK(outcomes.wait_for(1));
    transport->drain(seconds{5});
    plugin.destroy(transport);
  }
  CHECK(target.request_count() == 2);
}

TEST_CASE("a setting that makes no sense is told as text") {
  const Library library;
  PlainHost host;
  punctual_host for_plugin{};
  for_plugin.cxx = static_cast<Host*>(&host);
  char error[256] = {};
  const auto json = settings_json({{"delivery.threads", 0}});
  CHECK(library.plugin("http-transport").create(json.c_str(), &for_plugin, error, sizeof error) == nullptr);
  CHECK_THAT(std::string(error), Catch::Contains("delivery.threads"));
}
