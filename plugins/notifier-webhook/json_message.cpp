#include "notifier-webhook/json_message.hpp"

#include "notifier-webhook/standard_webhooks.hpp"

namespace punctual::webhook {

Message json_message(const Event& event, const std::optional<std::string>& key, std::int64_t now) {
  Message out{
      {{"Content-Type", "application/json"}, {"webhook-id", event.id()}, {"webhook-timestamp", std::to_string(now)}},
      event.json()};
  if (key) out.headers.emplace_back("webhook-signature", signature(*key, event.id(), now, out.body));
  return out;
}

}  // namespace punctual::webhook
