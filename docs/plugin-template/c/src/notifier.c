/* notifier-file, in C: appends one line for each event to a file. */
#include <errno.h>
#include <inttypes.h>
#include <punctual/notifier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings are declared here and can then be given to a channel, or to all channels in the server's configuration. Begin
 * their names with a section of your own. */
static const punctual_setting settings[] = {
    {"file.path", PUNCTUAL_STRING, "", "The file that lines are appended to."},
    {"file.prefix", PUNCTUAL_STRING, "", "What each line begins with."},
};

/* What is kept for one channel. Texts of settings are valid as long as the instance. */
typedef struct instance {
  const punctual_host* host;
  const char* path;
  const char* prefix;
} instance;

/* For each channel, when there is something to tell it. NULL, and why in `error`, when it cannot work. */
static void* create(const char* settings_json, const punctual_host* host, char* error, size_t error_size) {
  instance* self;
  (void)settings_json; /* the same settings, for those who like to parse JSON */
  if (!PUNCTUAL_HAS(host, setting)) {
    snprintf(error, error_size, "this server is too old");
    return NULL;
  }
  self = malloc(sizeof *self);
  if (self == NULL) {
    snprintf(error, error_size, "no memory");
    return NULL;
  }
  self->host = host;
  self->path = host->setting(host->self, "path");
  self->prefix = host->setting(host->self, "prefix");
  if (*self->path == '\0') {
    snprintf(error, error_size, "file.path is not set");
    free(self);
    return NULL;
  }
  return self;
}

static void destroy(void* pointer) { free(pointer); }

/* One event. */
static int32_t notify(void* pointer, const punctual_event* event, char* error, size_t error_size) {
  const instance* self = pointer;
  FILE* file = fopen(self->path, "a");
  int written;
  if (file == NULL) {
    snprintf(error, error_size, "%s: %s", self->path, strerror(errno));
    return PUNCTUAL_RETRY_LATER; /* PUNCTUAL_GIVE_UP when there is no use in telling it again */
  }
  written = fprintf(file, "%s%" PRId64 " %s %s\n", self->prefix, event->occurred_at_ms, event->kind, event->message);
  if (fclose(file) != 0 || written < 0) {
    snprintf(error, error_size, "%s: %s", self->path, strerror(errno));
    return PUNCTUAL_RETRY_LATER;
  }
  self->host->log(self->host->self, PUNCTUAL_DEBUG, "wrote a line");
  return PUNCTUAL_DELIVERED;
}

static const punctual_notifier_v1 operations = {
    .struct_size = sizeof operations,
    .notify = notify,
};

static const punctual_plugin plugin = {
    .struct_size = sizeof plugin,
    .abi = PUNCTUAL_PLUGIN_ABI,
    .kind = PUNCTUAL_NOTIFIER,
    .name = "notifier-file",
    .version = "1.0.0",
    .cxx_abi_tag = "",
    .settings = settings,
    .settings_count = sizeof settings / sizeof *settings,
    .create = create,
    .destroy = destroy,
    .operations = &operations,
};

PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void);
PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) { return &plugin; }
