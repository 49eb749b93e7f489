/* A notifier that refuses to be created and says why, carelessly: over two lines and with a password. */
#include <punctual/notifier.h>
#include <stdio.h>

static void* create(const char* settings_json, const punctual_host* host, char* error, size_t error_size) {
  (void)settings_json;
  (void)host;
  snprintf(error, error_size, "cannot reach smtp://user:word@mail.example\nno route");
  return NULL;
}

static void destroy(void* instance) { (void)instance; }

static int32_t notify(void* instance, const punctual_event* event, char* error, size_t error_size) {
  (void)instance;
  (void)event;
  (void)error;
  (void)error_size;
  return PUNCTUAL_GIVE_UP;
}

static const punctual_notifier_v1 operations = {sizeof operations, notify};

static const punctual_plugin plugin = {.struct_size = sizeof plugin,
                                       .abi = PUNCTUAL_PLUGIN_ABI,
                                       .kind = PUNCTUAL_NOTIFIER,
                                       .name = "null-create",
                                       .version = "1.0",
                                       .cxx_abi_tag = "",
                                       .create = create,
                                       .destroy = destroy,
                                       .operations = &operations};

PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void);
PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) { return &plugin; }
