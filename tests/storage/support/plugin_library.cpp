#include "support/plugin_library.hpp"

#include <dlfcn.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace punctual::testing {
namespace {

// "250ms", "5s", "2m" in milliseconds.
std::int64_t milliseconds_of(const std::string& text) {
  std::size_t digits = 0;
  const std::int64_t number = std::stoll(text, &digits);
  const std::string unit = text.substr(digits);
  if (unit == "ms") return number;
  if (unit == "s") return number * 1000;
  if (unit == "m") return number * 60000;
  throw std::runtime_error("a default that is no duration: " + text);
}

boost::json::value default_of(const punctual_setting& setting) {
  const std::string text = setting.default_value;
  switch (setting.type) {
    case PUNCTUAL_STRING:
      return boost::json::string(text);
    case PUNCTUAL_INTEGER:
      return std::stoll(text);
    case PUNCTUAL_BOOLEAN:
      return text == "true";
    case PUNCTUAL_DURATION:
      return milliseconds_of(text);
    default:
      throw std::runtime_error(std::string("a setting of a type that is not expected here: ") + setting.name);
  }
}

}  // namespace

PluginLibrary::PluginLibrary() {
  const char* file = std::getenv("PUNCTUAL_TEST_STORAGE_PLUGIN");
  if (file == nullptr) throw std::runtime_error("PUNCTUAL_TEST_STORAGE_PLUGIN names no plugin");
  void* library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  using Describe = const punctual_plugin* (*)();
  const auto describe = reinterpret_cast<Describe>(::dlsym(library, PUNCTUAL_PLUGIN_SYMBOL));
  if (describe == nullptr) throw std::runtime_error(::dlerror());
  plugin_ = describe();
  if (plugin_->kind != PUNCTUAL_STORAGE || std::string_view(plugin_->cxx_abi_tag) != PUNCTUAL_CXX_ABI_TAG) {
    throw std::runtime_error(std::string(file) + " is no storage plugin of this build");
  }
}

PluginLibrary::Instance PluginLibrary::create(const std::string& url, TestHost& host) const {
  boost::json::object settings;
  for (std::size_t i = 0; i < plugin_->settings_count; ++i) {
    settings[plugin_->settings[i].name] = default_of(plugin_->settings[i]);
  }
  settings["storage.url"] = url;
  punctual_host offered{};
  offered.struct_size = sizeof offered;
  offered.cxx = static_cast<Host*>(&host);
  char error[1024] = "";
  void* instance = plugin_->create(boost::json::serialize(settings).c_str(), &offered, error, sizeof error);
  if (instance == nullptr) throw std::runtime_error(error);
  return Instance(static_cast<Storage*>(instance), Destroy{plugin_});
}

}  // namespace punctual::testing
