#include <array>

#include "engine/task_engine.hpp"

namespace punctual {
namespace {

constexpr milliseconds minute{60'000};
constexpr milliseconds year = std::chrono::duration_cast<milliseconds>(std::chrono::days{366});

constexpr std::array<punctual_setting, 20> declared{{
    {"engine.max_in_flight", PUNCTUAL_INTEGER, "10000",
     "Executions this server holds at once, sent or waiting for their second."},
    {"engine.claim_batch", PUNCTUAL_INTEGER, "1000", "Executions claimed in one round trip."},
    {"engine.claim_ahead", PUNCTUAL_DURATION, "1s", "How long before its time an execution is claimed into memory."},
    {"engine.poll_interval", PUNCTUAL_DURATION, "1s", "How often storage is looked at when nothing calls for it."},
    {"engine.heartbeat_interval", PUNCTUAL_DURATION, "1s", "How often this server renews its lease."},
    {"engine.node_timeout", PUNCTUAL_DURATION, "10s",
     "A server silent for this long is dead; its work is done by others."},
    {"engine.max_clock_offset", PUNCTUAL_DURATION, "5s",
     "How far this machine's clock may be from the database's; 0 leaves them uncompared."},
    {"retention.period", PUNCTUAL_DURATION, "30d", "How long finished executions and tasks are kept."},
    {"retention.audit", PUNCTUAL_DURATION, "365d", "How long the entries of the audit log are kept."},
    {"retry.base", PUNCTUAL_DURATION, "15s", "The wait before the second attempt; doubled with each further one."},
    {"retry.cap", PUNCTUAL_DURATION, "1h", "The longest wait between attempts."},
    {"retry.jitter_percent", PUNCTUAL_INTEGER, "20", "Waits are spread by this much in both directions."},
    {"delivery.retry_client_errors", PUNCTUAL_BOOLEAN, "false",
     "Retry after any 4xx reply, not only 408, 409, 425 and 429."},
    {"delivery.compat_headers", PUNCTUAL_BOOLEAN, "true", "Send the X-Runlater-* headers beside the standard ones."},
    {"delivery.max_callbacks_in_flight", PUNCTUAL_INTEGER, "1000",
     "Callbacks, and news that a task failed or recovered, that this server sends at once."},
    {"delivery.callback_timeout", PUNCTUAL_DURATION, "10s", "Total time of one attempt to send one of these."},
    {"delivery.host_limits", PUNCTUAL_BOOLEAN, "true",
     "Leave alone for a while a host that fails three times in a row or answers 429."},
    {"server.public_url", PUNCTUAL_STRING, "",
     "Where clients reach this server, for the links in notices: https://punctual.example.com; empty: no links."},
    {"notify.queue_stalled_after", PUNCTUAL_DURATION, "10m",
     "For how long the head of a queue may keep the others waiting before channels are told."},
    {"notify.dead_retention", PUNCTUAL_DURATION, "30d", "How long notices that were given up are kept."},
}};

// Refuses what would make the engine misbehave rather than correcting it in silence.
std::int64_t at_least(const Settings& settings, const char* name, std::int64_t least, std::int64_t most) {
  const std::int64_t value = settings.integer(name);
  if (value < least || value > most) {
    throw Error(std::string(name) + " = " + std::to_string(value) + ": must be between " + std::to_string(least) +
                " and " + std::to_string(most));
  }
  return value;
}

milliseconds at_most(const Settings& settings, const char* name, milliseconds most) {
  const milliseconds value = settings.duration(name);
  if (value <= milliseconds{0} || value > most) {
    throw Error(std::string(name) + ": must be more than nothing and at most " + std::to_string(most.count()) + " ms");
  }
  return value;
}

}  // namespace

std::span<const punctual_setting> engine_settings() { return declared; }

EngineSettings EngineSettings::read(const Settings& settings) {
  EngineSettings out;
  out.max_in_flight = static_cast<std::size_t>(at_least(settings, "engine.max_in_flight", 1, 1'000'000));
  out.claim_batch = static_cast<std::size_t>(at_least(settings, "engine.claim_batch", 1, 100'000));
  out.claim_ahead = at_most(settings, "engine.claim_ahead", minute);
  out.poll_interval = at_most(settings, "engine.poll_interval", minute);
  out.heartbeat_interval = at_most(settings, "engine.heartbeat_interval", minute);
  out.node_timeout = at_most(settings, "engine.node_timeout", 60 * minute);
  out.max_clock_offset = settings.duration("engine.max_clock_offset");
  out.retention = settings.duration("retention.period");
  if (out.retention < std::chrono::hours{1}) throw Error("retention.period: must be at least 1h");
  out.audit_retention = settings.duration("retention.audit");
  if (out.audit_retention < std::chrono::hours{1}) throw Error("retention.audit: must be at least 1h");
  if (out.silence_before_suspension() < 3 * out.heartbeat_interval) {
    throw Error(
        "engine.heartbeat_interval: three must fit into 5 s and into half of engine.node_timeout, after which a server "
        "that could not renew its lease stops sending");
  }
  out.retry_base = at_most(settings, "retry.base", year);
  out.retry_cap = at_most(settings, "retry.cap", year);
  out.retry_jitter_percent = static_cast<int>(at_least(settings, "retry.jitter_percent", 0, 100));
  out.retry_client_errors = settings.boolean("delivery.retry_client_errors");
  out.compat_headers = settings.boolean("delivery.compat_headers");
  out.max_callbacks_in_flight =
      static_cast<std::size_t>(at_least(settings, "delivery.max_callbacks_in_flight", 1, 100'000));
  out.callback_timeout = at_most(settings, "delivery.callback_timeout", 5 * minute);
  out.host_limits = settings.boolean("delivery.host_limits");
  out.public_url = settings.string("server.public_url");
  out.queue_patience = std::chrono::duration_cast<seconds>(at_most(settings, "notify.queue_stalled_after", year));
  out.dead_notice_retention = at_most(settings, "notify.dead_retention", year);
  return out;
}

}  // namespace punctual
