// Turns a C++ class into a plugin: the descriptor of plugin.h, with exceptions turned into error text.
#pragma once

#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <type_traits>

#include "punctual/frontend.hpp"
#include "punctual/host.hpp"
#include "punctual/plugin.h"
#include "punctual/storage.hpp"
#include "punctual/transport.hpp"
#include "punctual/version.h"

#define PUNCTUAL_STRINGIFY_1(x) #x
#define PUNCTUAL_STRINGIFY(x) PUNCTUAL_STRINGIFY_1(x)

#if defined(__SANITIZE_ADDRESS__)
#define PUNCTUAL_ABI_SANITIZER "/asan"
#elif defined(__SANITIZE_THREAD__)
#define PUNCTUAL_ABI_SANITIZER "/tsan"
#else
#define PUNCTUAL_ABI_SANITIZER ""
#endif

// Everything that decides whether C++ objects may cross between host and plugin: the version of these headers, the
// compiler's C++ ABI, the standard library and its string layout.
#define PUNCTUAL_CXX_ABI_TAG                                                                                      \
  "punctual " PUNCTUAL_VERSION "/cxxabi " PUNCTUAL_STRINGIFY(__GXX_ABI_VERSION) "/libstdc++ " PUNCTUAL_STRINGIFY( \
      _GLIBCXX_RELEASE) "/cxx11 " PUNCTUAL_STRINGIFY(_GLIBCXX_USE_CXX11_ABI) PUNCTUAL_ABI_SANITIZER

namespace punctual {

template <class Interface>
inline constexpr punctual_plugin_kind plugin_kind = std::is_same_v<Interface, Storage>     ? PUNCTUAL_STORAGE
                                                    : std::is_same_v<Interface, Transport> ? PUNCTUAL_TRANSPORT
                                                                                           : PUNCTUAL_FRONTEND;

// The descriptor for `Class`, which implements Interface (Storage, Transport or Frontend) and has a constructor
// Class(const Settings&, Host&). Keep the result in a static variable.
template <class Interface, class Class>
[[nodiscard]] punctual_plugin describe_plugin(const char* name, std::span<const punctual_setting> settings,
                                              const punctual_plugin* next = nullptr) {
  punctual_plugin plugin{};
  plugin.struct_size = sizeof(punctual_plugin);
  plugin.abi = PUNCTUAL_PLUGIN_ABI;
  plugin.kind = plugin_kind<Interface>;
  plugin.name = name;
  plugin.version = PUNCTUAL_VERSION;
  plugin.cxx_abi_tag = PUNCTUAL_CXX_ABI_TAG;
  plugin.settings = settings.data();
  plugin.settings_count = settings.size();
  plugin.create = [](const char* json, const punctual_host* host, char* error, std::size_t error_size) -> void* {
    const auto fail = [&](const char* text) {
      if (error_size > 0) {
        std::strncpy(error, text, error_size - 1);
        error[error_size - 1] = '\0';
      }
    };
    try {
      Interface* instance = std::make_unique<Class>(Settings(json), *static_cast<Host*>(host->cxx)).release();
      return instance;
    } catch (const std::exception& problem) {
      fail(problem.what());
    } catch (...) {
      fail("unknown exception");
    }
    return nullptr;
  };
  plugin.destroy = [](void* instance) { delete static_cast<Interface*>(instance); };
  plugin.next = next;
  return plugin;
}

}  // namespace punctual
