// The library's one exported symbol: the descriptors of its two plugins.
#include "punctual/plugin.hpp"

#include "frontend/http_frontend.hpp"
#include "transport/http_transport.hpp"

extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1(void) {
  using namespace punctual;
  static const punctual_plugin frontend =
      describe_plugin<Frontend, HttpFrontend>("http-frontend", http_frontend_settings());
  static const punctual_plugin transport =
      describe_plugin<Transport, HttpTransport>("http-transport", http_transport_settings(), &frontend);
  return &transport;
}
