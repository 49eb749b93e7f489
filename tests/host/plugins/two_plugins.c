/* One library with two notifiers, linked by next. */
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

static const punctual_setting first_settings[] = {{"good.text", PUNCTUAL_STRING, "another", "A text."}};
static const punctual_notifier_v1 operations = {sizeof operations, notify};

static const punctual_plugin second = {.struct_size = sizeof second,
                                       .abi = PUNCTUAL_PLUGIN_ABI,
                                       .kind = PUNCTUAL_NOTIFIER,
                                       .name = "second",
                                       .version = "1.0",
                                       .create = create,
                                       .destroy = destroy,
                                       .operations = &operations};

static const punctual_plugin first = {.struct_size = sizeof first,
                                      .abi = PUNCTUAL_PLUGIN_ABI,
                                      .kind = PUNCTUAL_NOTIFIER,
                                      .name = "first",
                                      .version = "1.0",
                                      .cxx_abi_tag = "",
                                      .settings = first_settings,
                                      .settings_count = 1,
                                      .create = create,
                                      .destroy = destroy,
                                      .operations = &operations,
                                      .next = &second};

PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void);
PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) { return &first; }
