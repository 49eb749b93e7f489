/* notifier.h: how Punctual tells a plugin that something has happened.
 *
 * A notifier is a plugin (plugin.h) of kind PUNCTUAL_NOTIFIER whose `operations` points to a punctual_notifier_v1. It is plain
 * C, so that it may be written in any language and built with any compiler; notifier.hpp wraps it for C++.
 *
 * CHANNELS
 *   An organisation tells its events to channels. A channel is a notifier plugin with settings: those of the server's
 *   configuration, and over them its own. Each server makes an instance of the plugin (`create`) for a channel when it first
 *   has something to tell it, and destroys it (`destroy`) when the channel changes, is deleted or has been quiet for long.
 *
 * THREADS
 *   create, notify and destroy of an instance are called one at a time, but each perhaps from another thread. Different
 *   instances are called at the same time. These threads belong to the notifiers of this plugin alone: one that blocks, fails
 *   or ends its thread never delays a task, nor another plugin.
 *
 * DEADLINE
 *   create and notify together must return within notify.timeout of the server (30 s unless set). After that the event counts
 *   as PUNCTUAL_RETRY_LATER and is told again by a new instance; the old one is destroyed when its call returns. destroy has as
 *   long. Whatever takes longer keeps its thread and costs the plugin one of those that it has; when too many are gone it is
 *   told nothing more until some return. At the end of the server, what has not returned by then is left to itself, and
 *   instances for which there is no time are not destroyed.
 *
 * DELIVERY
 *   An event is stored together with what it tells of, and told at least once, with the same `id`, until notify answers
 *   PUNCTUAL_DELIVERED or PUNCTUAL_GIVE_UP, or it has been tried 8 times, with waits of 10 s to 2 h between. What is given up
 *   is kept for people to see and to try again. What is not delivered because the server is stopping, so that it has refused a
 *   request (punctual_host::http), does not count as tried, and is told again when there is a server. More than 10 events for
 *   one channel in a minute become one event of kind "summary". One that is told again may have more in it, and has another
 *   `id` then; those of the `events` in its `json` stay.
 *
 * STABILITY
 *   Every struct begins with its own size and only ever grows at its end; nothing in it changes its meaning. A plugin built
 *   against an older header works with a newer server, which reads and writes no more of a struct than the plugin's size
 *   says. A plugin that uses a field added later asks first whether it is there, with PUNCTUAL_HAS. */
#ifndef PUNCTUAL_NOTIFIER_H
#define PUNCTUAL_NOTIFIER_H

#include "punctual/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the struct that `pointer` points to, given by the server, has `field`. */
#define PUNCTUAL_HAS(pointer, field)                                                               \
  ((size_t)((const char*)&(pointer)->field - (const char*)(pointer)) + sizeof((pointer)->field) <= \
   (pointer)->struct_size)

/* One event. Texts are UTF-8, zero-terminated, never null ("" where they do not apply) and valid during the call only.
 *
 * kind                    it tells that
 * "task.failed"           the last attempt of a run has failed, and the run before had not; once, until it has recovered
 * "task.recovered"        a run has succeeded, the first since "task.failed"
 * "task.disabled"         the server has disabled a task: its target answered 410, or its schedule cannot be followed
 * "queue.stalled"         the head of a queue that is not paused has kept the others waiting for too long
 * "quota.warning"         four fifths of the executions of the month are used
 * "quota.reached"         all of them are
 * "host.circuit_opened"   nothing is sent to a host for now, because it fails
 * "summary"               several of the above have happened; `message` and `json` say what
 * "test"                  somebody wants to see whether the channel works
 * Others may follow; tell them by their `message`. */
typedef struct punctual_event {
  uint32_t struct_size;
  const char* id;           /* UUID; the same again when it is told again; of a summary that of just these events */
  const char* kind;         /* see above */
  const char* organization; /* its name */
  const char* task_id;      /* task.*; "" for the rest, as all of the task and the execution */
  const char* task_name;
  const char* task_url;
  const char* execution_id; /* the attempt that it is about */
  const char* message;      /* one sentence for a person */
  int64_t occurred_at_ms;   /* milliseconds since 1970, UTC */
  const char* json;         /* the whole event as one object: docs/notifications.md */

  /* From here on since the second version of this header: ask with PUNCTUAL_HAS. */
  const char* channel; /* the name of the channel */
  const char* subject; /* the name of the task or queue, the host and port, or "" */
  const char* detail;  /* task.disabled, quota.*: why, how much; summary: a line for each of the first; "" for
                                   the rest */
  int64_t since_ms;    /* task.failed: when the run began; task.recovered: when the task failed; queue.stalled: since
                                   when the head has been due; 0 for the rest */
  const char* task_method;      /* "POST", … */
  const char* execution_status; /* "failed", "timeout", "missed", "success" */
  int32_t status_code;          /* of the response; 0: there was none */
  int32_t attempt;              /* its number in the run, from 1; 0: no execution */
  const char* error_message;    /* "HTTP 500", … */
  const char* response_body;    /* its beginning, at most 4096 bytes */
  const char* link;             /* where to look, when server.public_url is set */
  int64_t count;                /* how many events this one stands for: 1, and more for a summary */
} punctual_event;

typedef enum punctual_notify_result {
  PUNCTUAL_DELIVERED = 0,
  PUNCTUAL_RETRY_LATER = 1, /* it may go better later */
  PUNCTUAL_GIVE_UP = 2      /* it will not: a wrong setting, a refused recipient */
} punctual_notify_result;

typedef struct punctual_notifier_v1 {
  uint32_t struct_size;
  /* Tells the instance of one event. Returns a punctual_notify_result; on any but PUNCTUAL_DELIVERED a zero-terminated text
   * of at most error_size - 1 bytes may be left in `error`, which people will read. Anything else counts as
   * PUNCTUAL_GIVE_UP. */
  int32_t (*notify)(void* instance, const punctual_event* event, char* error, size_t error_size);

  /* From here on since the second version of this header. */

  /* The declared settings, by their whole names and ended by a null, that belong to the server's configuration alone: a
   * channel that sets one is refused. Null: a channel may set them all. What lets a tenant direct a credential of the
   * server to a host of his choice belongs here. */
  const char* const* server_settings;
} punctual_notifier_v1;

#ifdef __cplusplus
}
#endif

#endif
