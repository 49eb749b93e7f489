/* A notifier that is fine but for what FAULT does to it before the host sees it. */
#include <punctual/notifier.h>

static void* create(const char* settings_json, const punctual_host* host, char* error, size_t error_size) {
  static int instance;
  (void)settings_json;
  (void)host;
  (void)error;
  (void)error_size;
  return &instance;
}

static void destroy(void* instance) { (void)instance; }

static int32_t notify(void* instance, const punctual_event* event, char* error, size_t error_size) {
  (void)instance;
  (void)event;
  (void)error;
  (void)error_size;
  return PUNCTUAL_DELIVERED;
}

static punctual_setting settings[] = {{"faulty.wait", PUNCTUAL_DURATION, "30s", "How long."},
                                      {"faulty.to", PUNCTUAL_STRING_LIST, "a,b", "To whom."}};

static const char* const server_settings[] = {"faulty.wait", "faulty.colour", NULL};
static punctual_notifier_v1 operations = {sizeof operations, notify};

static punctual_plugin plugin = {.struct_size = sizeof plugin,
                                 .abi = PUNCTUAL_PLUGIN_ABI,
                                 .kind = PUNCTUAL_NOTIFIER,
                                 .name = "faulty",
                                 .version = "1.0",
                                 .cxx_abi_tag = "",
                                 .settings = settings,
                                 .settings_count = 2,
                                 .create = create,
                                 .destroy = destroy,
                                 .operations = &operations};

PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void);
PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) {
  const punctual_plugin* result = &plugin;
  (void)server_settings;
  FAULT;
  return result;
}
