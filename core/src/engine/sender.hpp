// Sender: begins the delivery of a claimed execution: checks that it is still worth sending and that its host may be sent to,
// signs it, picks the transport of its URL. Any thread; never blocks, never throws.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/clock.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/held_claims.hpp"
#include "engine/host_limits.hpp"
#include "engine/settler.hpp"
#include "punctual/transport.hpp"

namespace punctual {

class Sender {
 public:
  // An attempt that died with its node this often is not tried again under the same number: it may be what kills nodes.
  static constexpr int max_rescues = 3;

  // `finish` takes every sent execution exactly once.
  Sender(std::span<Transport* const> transports, Clock& clock, EngineMetrics& metrics, HeldClaims& held,
         HostLimits& hosts, bool compat_headers, std::function<void(Ended)> finish);

  void send(Claimed claimed) noexcept;
  // One that HostLimits has kept back and that may be sent all the same.
  void send_at_last(std::shared_ptr<Claimed> claimed) noexcept { start(std::move(claimed), clock_.now()); }

  // The transport for a URL, by its scheme; null when none serves it.
  [[nodiscard]] Transport* transport_for(std::string_view url) const;

 private:
  void start(std::shared_ptr<Claimed> claimed, Time now);
  [[nodiscard]] Ended::Why why_ended(const Claimed& claimed, const DeliveryOutcome& outcome);

  std::unordered_map<std::string, Transport*> by_scheme_;
  Clock& clock_;
  EngineMetrics& metrics_;
  HeldClaims& held_;
  HostLimits& hosts_;
  bool compat_headers_;
  std::function<void(Ended)> finish_;
};

}  // namespace punctual
