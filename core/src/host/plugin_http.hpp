// HTTP for plugins: what stands behind punctual_host::http.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "engine/clock.hpp"
#include "identity/id_generator.hpp"
#include "punctual/plugin.h"
#include "punctual/time.hpp"
#include "punctual/transport.hpp"

namespace punctual {

// Any thread.
class PluginHttp {
 public:
  virtual ~PluginHttp() = default;
  // Waits until the response is there, or why there is none. `response` is as large as this server knows it. False: there is
  // none because the server is stopping.
  virtual bool send(const punctual_http_request& request, punctual_http_response& response) = 0;
};

// Through the transports of the server, chosen by scheme. A request that makes no sense is not sent: `error` says why.
class TransportHttp final : public PluginHttp {
 public:
  // `transports` and `clock` outlive it. No request takes longer than `longest`.
  TransportHttp(std::span<Transport* const> transports, const Clock& clock, milliseconds longest);

  bool send(const punctual_http_request& request, punctual_http_response& response) override;

 private:
  [[nodiscard]] Transport* transport_for(std::string_view url) const;
  bool answer(const punctual_http_request& request, punctual_http_response& response);

  std::map<std::string, Transport*, std::less<>> by_scheme_;
  const Clock& clock_;
  milliseconds longest_;
  IdGenerator ids_;
};

// That no response came, and why.
[[nodiscard]] punctual_http_response no_response(std::string_view why);

}  // namespace punctual
