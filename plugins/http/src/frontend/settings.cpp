#include <array>

#include "frontend/http_frontend.hpp"

namespace punctual {

std::span<const punctual_setting> http_frontend_settings() {
  static constexpr std::array settings{
      punctual_setting{"http.listen", PUNCTUAL_STRING, "127.0.0.1:8080",
                       "Where the API is served: host:port or [v6]:port; port 0 takes a free one."},
      punctual_setting{"http.max_threads", PUNCTUAL_INTEGER, "256", "Requests served at once; more wait."},
      punctual_setting{"http.max_queue_time", PUNCTUAL_DURATION, "50ms",
                       "How long a request may wait for a thread before it is answered 503."},
      punctual_setting{"http.max_connections", PUNCTUAL_INTEGER, "16384",
                       "Connections of clients; for a new one an idle one is ended, or it is answered 503."},
      punctual_setting{"http.max_concurrent_requests", PUNCTUAL_INTEGER, "0",
                       "Requests handled at once before others are answered 503; 0: as many as there are threads."},
      punctual_setting{"http.idle_timeout", PUNCTUAL_DURATION, "65s", "How long a connection may wait for a request."},
      punctual_setting{"http.header_timeout", PUNCTUAL_DURATION, "10s",
                       "How long a request's header may take from its first byte to its last."},
      punctual_setting{"http.body_timeout", PUNCTUAL_DURATION, "30s",
                       "How long a request's body may take, and how long a client may take to read a reply."},
      punctual_setting{"http.max_request_bytes", PUNCTUAL_INTEGER, "8388608",
                       "The largest request body; larger ones are answered 413."},
      punctual_setting{"http.trusted_proxies", PUNCTUAL_STRING_LIST, "",
                       "Addresses and networks whose X-Forwarded-For is believed."},
      punctual_setting{"http.cors_origins", PUNCTUAL_STRING_LIST, "",
                       "Origins whose pages may call the API, or *; empty: no CORS."},
      punctual_setting{"limits.requests_per_minute", PUNCTUAL_INTEGER, "6000",
                       "Requests a minute of one API key; 0 turns every limit of this section off."},
      punctual_setting{"limits.address_requests_per_minute", PUNCTUAL_INTEGER, "60000",
                       "Requests a minute of one client address; 0: no limit."},
      punctual_setting{"limits.failed_sign_ins_per_minute", PUNCTUAL_INTEGER, "60",
                       "Requests a minute with a wrong API key of one client address; 0: no limit."},
  };
  return settings;
}

}  // namespace punctual
