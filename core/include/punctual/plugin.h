/* What a plugin library tells the host before anything in it is called: one C symbol, one plain struct.
 *
 * A plugin is a shared library that exports exactly one function, punctual_plugin_v1, with C linkage. The host calls it
 * once after loading and reads the struct it returns; it refuses the library, with a message naming the file and both
 * values, when struct_size, abi, kind or cxx_abi_tag is not what it expects. Of a notifier it takes every struct_size from that
 * of the first version on. A library that carries more than one plugin links their structs by `next`. Everything the struct
 * points to stays valid and unchanged until the process exits. */
#ifndef PUNCTUAL_PLUGIN_H
#define PUNCTUAL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PUNCTUAL_PLUGIN_ABI 1u
#define PUNCTUAL_PLUGIN_SYMBOL "punctual_plugin_v1"

#if defined(__GNUC__)
#define PUNCTUAL_EXPORT __attribute__((visibility("default")))
#else
#define PUNCTUAL_EXPORT
#endif

typedef enum punctual_plugin_kind {
  PUNCTUAL_STORAGE = 1,
  PUNCTUAL_TRANSPORT = 2,
  PUNCTUAL_FRONTEND = 3,
  PUNCTUAL_NOTIFIER = 4
} punctual_plugin_kind;

typedef enum punctual_setting_type {
  PUNCTUAL_STRING = 1,     /* JSON string */
  PUNCTUAL_INTEGER = 2,    /* JSON integer */
  PUNCTUAL_BOOLEAN = 3,    /* JSON true or false */
  PUNCTUAL_DURATION = 4,   /* written "250ms", "30s", "5m", "2h", "1d"; JSON integer of milliseconds */
  PUNCTUAL_STRING_LIST = 5 /* written "a,b" or as a TOML array; JSON array of strings */
} punctual_setting_type;

/* The one struct without a size of its own: it is never changed. */
typedef struct punctual_setting {
  const char* name;          /* dotted and whole: "http.listen" */
  int32_t type;              /* punctual_setting_type */
  const char* default_value; /* as it would be written after --set name=; never null */
  const char* help;          /* one sentence */
} punctual_setting;

typedef enum punctual_log_level {
  PUNCTUAL_DEBUG = 0,
  PUNCTUAL_INFO = 1,
  PUNCTUAL_WARN = 2,
  PUNCTUAL_ERROR = 3
} punctual_log_level;

/* A request that the host sends for a plugin. */
typedef struct punctual_http_request {
  uint32_t struct_size;
  const char* method;  /* "POST", … */
  const char* url;     /* http or https */
  const char* headers; /* lines "Name: value", each ended by CR LF; may be null. Host and Content-Length are added */
  const char* body;    /* any bytes; may be null */
  size_t body_size;
  int64_t timeout_ms; /* for all of it; what is beyond notify.timeout of the server is cut to that */
} punctual_http_request;

/* What came back. struct_size is set by the caller, the rest by the host; texts are zero-terminated. */
typedef struct punctual_http_response {
  uint32_t struct_size;
  int32_t status;         /* 0: no response came, `error` says why */
  int32_t blocked;        /* 1: the address must not be reached, now or later */
  int64_t retry_after_ms; /* what the response asked for; 0: nothing */
  char error[512];        /* one line, without a secret */
  char body[2048];        /* the beginning */
} punctual_http_response;

/* What the host offers a plugin. Valid from `create` until `destroy` has returned. It only grows at its end. */
typedef struct punctual_host {
  uint32_t struct_size;
  void* self; /* to be handed back as the first argument of every function here */
  /* Writes one line to the server's log. Any thread. The text is copied. */
  void (*log)(void* self, int32_t level, const char* text);
  /* A punctual::Host* for plugins that carry the host's C++ ABI tag; null for notifiers. */
  void* cxx;

  /* From here on since the second version of this header; for notifiers alone, null for other plugins. Any thread. */

  /* A declared setting, by its whole name ("webhook.url") or by what follows its section ("url"), as text: booleans "true" or
   * "false", durations as milliseconds, lists with commas. Valid as long as the host; null: it was not declared. */
  const char* (*setting)(void* self, const char* name);
  /* Sends one request and waits for what comes back. It goes the way of deliveries: addresses are checked, redirects are
   * followed only if delivery.follow_redirects of the server says so, connections are kept open. Returns 0 when a response
   * came, whatever its status. */
  int32_t (*http)(void* self, const punctual_http_request* request, punctual_http_response* response);
} punctual_host;

typedef struct punctual_plugin punctual_plugin;
struct punctual_plugin {
  uint32_t struct_size;    /* sizeof(punctual_plugin) where the plugin was compiled */
  uint32_t abi;            /* PUNCTUAL_PLUGIN_ABI */
  int32_t kind;            /* punctual_plugin_kind */
  const char* name;        /* unique, lower case, e.g. "storage-sqlite" */
  const char* version;     /* the plugin's own */
  const char* cxx_abi_tag; /* PUNCTUAL_CXX_ABI_TAG; "" for a notifier, which is plain C */
  const punctual_setting* settings;
  size_t settings_count;

  /* Makes an instance. settings_json: an object of all declared settings by their dotted names, with the types above.
   * Returns null on failure with a zero-terminated text of at most error_size - 1 bytes in `error`. For the C++ kinds the
   * result is a pointer to the interface (punctual::Storage*, punctual::Transport*, punctual::Frontend*). Main thread;
   * for notifiers see notifier.h. */
  void* (*create)(const char* settings_json, const punctual_host* host, char* error, size_t error_size);
  /* Ends an instance made by create. Main thread, once, after its threads were told to stop; for
   * notifiers see notifier.h. */
  void (*destroy)(void* instance);

  /* Notifiers: a const punctual_notifier_v1* (notifier.h). Others: null. */
  const void* operations;

  /* The next plugin of the same library, or null. */
  const punctual_plugin* next;
};

#ifdef __cplusplus
}
#endif

#endif
