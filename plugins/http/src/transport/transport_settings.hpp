// The settings of the HTTP transport.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "punctual/host.hpp"
#include "punctual/plugin.h"
#include "punctual/time.hpp"

namespace punctual {

struct TransportSettings {
  std::size_t threads = 2;
  bool allow_private_networks = false;
  std::vector<std::string> allow_cidrs;
  int follow_redirects = 0;  // 0: a redirect is the answer
  milliseconds connect_timeout{10000};
  std::size_t max_response_bytes = 262144;
  std::size_t max_connections = 2000;  // kept open together, in use or idle
  std::string ca_file;                 // "": only the system's authorities

  // Throws Error that names the setting when a value is out of range.
  [[nodiscard]] static TransportSettings read(const Settings& settings);
};

// What the plugin declares to the host.
[[nodiscard]] std::span<const punctual_setting> http_transport_settings();

}  // namespace punctual
