/* A notifier that cannot deliver: it answers with the number of its setting. */
#include <punctual/notifier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void* create(const char* settings_json, const punctual_host* host, char* error, size_t error_size) {
  int* answer = malloc(sizeof *answer);
  const char* colon = strchr(settings_json, ':');
  (void)host;
  if (answer == NULL || colon == NULL) {
    snprintf(error, error_size, "no answer to give");
    free(answer);
    return NULL;
  }
  *answer = atoi(colon + 1);
  return answer;
}

static void destroy(void* instance) { free(instance); }

static int32_t notify(void* instance, const punctual_event* event, char* error, size_t error_size) {
  (void)event;
  snprintf(error, error_size, "http://user:word@example.com\nrefused");
  return *(int*)instance;
}

static const punctual_setting settings[] = {{"failing.answer", PUNCTUAL_INTEGER, "1", "What notify returns."}};
static const punctual_notifier_v1 operations = {sizeof operations, notify};

static const punctual_plugin plugin = {.struct_size = sizeof plugin,
                                       .abi = PUNCTUAL_PLUGIN_ABI,
                                       .kind = PUNCTUAL_NOTIFIER,
                                       .name = "failing-notifier",
                                       .version = "1.0",
                                       .cxx_abi_tag = "",
                                       .settings = settings,
                                       .settings_count = 1,
                                       .create = create,
                                       .destroy = destroy,
                                       .operations = &operations};

PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void);
PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) { return &plugin; }
