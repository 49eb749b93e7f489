/* The notifier interface: plain C, for third parties. UNSTABLE until Punctual 1.0; from then on it only grows at the end.
 *
 * A notifier is told of events (a task failed, a task recovered, …). It is a plugin (plugin.h) of kind PUNCTUAL_NOTIFIER
 * whose `operations` points to a punctual_notifier_v1. Each instance is called from one thread at a time, never from the
 * thread that delivers tasks. */
#ifndef PUNCTUAL_NOTIFIER_H
#define PUNCTUAL_NOTIFIER_H

#include "punctual/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One event. Texts are UTF-8, zero-terminated, never null ("" when they do not apply) and valid during the call only. */
typedef struct punctual_event {
  uint32_t struct_size;
  const char* id;           /* UUID; the same again when a notification is retried */
  const char* kind;         /* "task.failed", "task.recovered", "task.disabled" */
  const char* organization; /* its name */
  const char* task_id;
  const char* task_name;
  const char* task_url;
  const char* execution_id;
  const char* message;    /* one sentence for a person */
  int64_t occurred_at_ms; /* milliseconds since 1970, UTC */
  const char* json;       /* the whole event */
} punctual_event;

typedef enum punctual_notify_result {
  PUNCTUAL_DELIVERED = 0,
  PUNCTUAL_RETRY_LATER = 1,
  PUNCTUAL_GIVE_UP = 2
} punctual_notify_result;

typedef struct punctual_notifier_v1 {
  uint32_t struct_size;
  /* Tells the instance of one event. Returns a punctual_notify_result; on any but PUNCTUAL_DELIVERED a zero-terminated text
   * of at most error_size - 1 bytes may be left in `error`. */
  int32_t (*notify)(void* instance, const punctual_event* event, char* error, size_t error_size);
} punctual_notifier_v1;

#ifdef __cplusplus
}
#endif

#endif
