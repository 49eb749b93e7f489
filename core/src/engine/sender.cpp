#include "engine/sender.hpp"

#include <algorithm>
#include <cctype>

#include "delivery/signer.hpp"

namespace punctual {

Sender::Sender(std::span<Transport* const> transports, Clock& clock, EngineMetrics& metrics, HeldClaims& held,
               HostLimits& hosts, bool compat_headers, std::function<void(Ended)> finish)
    : clock_(clock),
      metrics_(metrics),
      held_(held),
      hosts_(hosts),
      compat_headers_(compat_headers),
      finish_(std::move(finish)) {
  for (Transport* transport : transports) {
    for (const auto& scheme : transport->schemes()) by_scheme_.emplace(scheme, transport);
  }
}

Transport* Sender::transport_for(std::string_view url) const {
  std::string scheme(url.substr(0, url.find(':')));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto found = by_scheme_.find(scheme);
  return found == by_scheme_.end() ? nullptr : found->second;
}

void Sender::send(Claimed claimed) noexcept {
  const Time now = clock_.now();
  auto shared = std::make_shared<Claimed>(std::move(claimed));
  if (shared->rescues >= max_rescues) {
    finish_({std::move(shared), Ended::Why::lost, {}});
  } else if (shared->expires_in && now > shared->scheduled_for + *shared->expires_in) {
    finish_({std::move(shared), Ended::Why::missed, {}});
  } else if (!hosts_.keeps_back(shared, now)) {
    start(std::move(shared), now);
  }
}

// A transport cancels what a client has cancelled, and at this server's shutdown everything.
Ended::Why Sender::why_ended(const Claimed& claimed, const DeliveryOutcome& outcome) {
  const bool by_client = outcome.result == DeliveryResult::cancelled && held_.is_cancelled({claimed.id, claimed.token});
  return by_client ? Ended::Why::cancelled : Ended::Why::delivered;
}

void Sender::start(std::shared_ptr<Claimed> claimed, Time now) {
  const auto fail = [&](std::string why) {
    DeliveryOutcome outcome;
    outcome.error = std::move(why);
    finish_({claimed, Ended::Why::delivered, std::move(outcome)});
  };
  Transport* transport = transport_for(claimed->url);
  if (transport == nullptr) return fail("no transport is loaded for this URL");
  Delivery delivery;
  try {
    delivery.headers = delivery_headers(*claimed, now, compat_headers_);
  } catch (const std::exception& error) {
    return fail(std::string("the request could not be signed: ") + error.what());
  }
  delivery.id = claimed->id;
  delivery.method = claimed->method;
  delivery.url = claimed->url;
  delivery.timeout = claimed->timeout;
  delivery.body = std::move(claimed->body);
  const ClaimRef claim{claimed->id, claimed->token};
  const auto cancellations = held_.cancellations();
  if (!held_.sent(claim, now)) return finish_({claimed, Ended::Why::cancelled, {}});
  metrics_.lateness_seconds.observe(std::max(0.0, std::chrono::duration<double>(now - claimed->scheduled_for).count()));
  transport->start(std::move(delivery), [this, claimed](DeliveryOutcome&& outcome) {
    finish_({claimed, why_ended(*claimed, outcome), std::move(outcome)});
  });
  // Who cancelled it a moment ago may have asked the transport before it knew of it.
  if (held_.cancellations() != cancellations && held_.is_cancelled(claim)) transport->cancel(claim.id);
}

}  // namespace punctual
