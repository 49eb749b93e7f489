/* A notifier as a third party would write it: it logs each event through the host. */
#include <punctual/notifier.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct good_notifier {
  const punctual_host* host;
} good_notifier;

static void* create(const char* settings_json, const punctual_host* host, char* error, size_t error_size) {
  good_notifier* self = malloc(sizeof *self);
  if (self == NULL) {
    snprintf(error, error_size, "no memory");
    return NULL;
  }
  self->host = host;
  host->log(host->self, PUNCTUAL_INFO, settings_json);
  host->log(host->self, 99, host->cxx == NULL ? "without C++" : "with C++");
  return self;
}

static void destroy(void* instance) { free(instance); }

static int32_t notify(void* instance, const punctual_event* event, char* error, size_t error_size) {
  const good_notifier* self = instance;
  (void)error;
  (void)error_size;
  self->host->log(self->host->self, PUNCTUAL_WARN, event->message);
  return PUNCTUAL_DELIVERED;
}

static const punctual_setting settings[] = {
    {"good.text", PUNCTUAL_STRING, "hello", "A text."},     {"good.count", PUNCTUAL_INTEGER, "3", "A count."},
    {"good.wait", PUNCTUAL_DURATION, "30s", "A duration."}, {"good.to", PUNCTUAL_STRING_LIST, "a, b", "A list."},
    {"good.on", PUNCTUAL_BOOLEAN, "true", "A switch."},
};

static const punctual_notifier_v1 operations = {sizeof operations, notify};

static const punctual_plugin plugin = {.struct_size = sizeof plugin,
                                       .abi = PUNCTUAL_PLUGIN_ABI,
                                       .kind = PUNCTUAL_NOTIFIER,
                                       .name = "good-notifier",
                                       .version = "1.2",
                                       .cxx_abi_tag = "",
                                       .settings = settings,
                                       .settings_count = sizeof settings / sizeof *settings,
                                       .create = create,
                                       .destroy = destroy,
                                       .operations = &operations};

PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void);
PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) { return &plugin; }
