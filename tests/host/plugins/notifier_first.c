/* A notifier as it was written for the first version of the headers, which are kept in first-version/: it must go on working
 * with servers whose structs have grown. */
#include <punctual/notifier.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef PUNCTUAL_HAS
#error "not the first version of the header"
#endif

struct notifier {
  const punctual_host* host;
};

static void* create(const char* settings_json, const punctual_host* host, char* error, size_t error_size) {
  struct notifier* self = malloc(sizeof *self);
  if (self == NULL) {
    snprintf(error, error_size, "no memory");
    return NULL;
  }
  self->host = host;
  host->log(host->self, PUNCTUAL_INFO, settings_json);
  return self;
}

static void destroy(void* instance) { free(instance); }

static int32_t notify(void* instance, const punctual_event* event, char* error, size_t error_size) {
  const struct notifier* self = instance;
  char line[1024];
  if (event->struct_size < sizeof *event || self->host->struct_size < sizeof *self->host) {
    snprintf(error, error_size, "a struct has shrunk");
    return PUNCTUAL_GIVE_UP;
  }
  snprintf(line, sizeof line, "%s|%s|%s|%s|%s|%s|%s|%lld|%s", event->id, event->kind, event->organization,
           event->task_name, event->task_url, event->execution_id, event->message, (long long)event->occurred_at_ms,
           event->json);
  self->host->log(self->host->self, PUNCTUAL_INFO, line);
  return PUNCTUAL_DELIVERED;
}

static const punctual_setting settings[] = {{"first.text", PUNCTUAL_STRING, "hello", "A text."}};

static const punctual_notifier_v1 operations = {sizeof operations, notify};

static const punctual_plugin plugin = {.struct_size = sizeof plugin,
                                       .abi = PUNCTUAL_PLUGIN_ABI,
                                       .kind = PUNCTUAL_NOTIFIER,
                                       .name = "notifier-first",
                                       .version = "1.0",
                                       .cxx_abi_tag = "",
                                       .settings = settings,
                                       .settings_count = 1,
                                       .create = create,
                                       .destroy = destroy,
                                       .operations = &operations};

PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void);
PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) { return &plugin; }
