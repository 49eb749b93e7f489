// A notifier in C++ that lets an exception out of one of its functions.
#include <punctual/notifier.h>

#include <stdexcept>

namespace {

// Of a type that only this library knows.
class Escaped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

int instance = 0;

void* create(const char*, const punctual_host*, char*, std::size_t) {
#ifdef THROW_IN_CREATE
  throw Escaped("create has\nescaped");
#endif
  return &instance;
}

void destroy(void*) {
#ifdef THROW_IN_DESTROY
  throw 42;
#endif
}

std::int32_t notify(void*, const punctual_event*, char*, std::size_t) {
#ifdef THROW_IN_NOTIFY
  throw Escaped("notify has escaped");
#endif
  return PUNCTUAL_DELIVERED;
}

constexpr punctual_notifier_v1 operations{sizeof operations, notify};

}  // namespace

extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1() {
#ifdef THROW_IN_SYMBOL
  throw Escaped("the symbol has escaped");
#endif
  static constexpr punctual_plugin plugin{.struct_size = sizeof plugin,
                                          .abi = PUNCTUAL_PLUGIN_ABI,
                                          .kind = PUNCTUAL_NOTIFIER,
                                          .name = "throwing",
                                          .version = "1.0",
                                          .cxx_abi_tag = "",
                                          .settings = nullptr,
                                          .settings_count = 0,
                                          .create = create,
                                          .destroy = destroy,
                                          .operations = &operations,
                                          .next = nullptr};
  return &plugin;
}
