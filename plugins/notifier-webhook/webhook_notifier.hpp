// Posts events to a URL. As a notifier is (punctual/notifier.hpp): one call at a time, each from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "notifier-webhook/message.hpp"
#include "notifier-webhook/webhook_format.hpp"
#include "notifier-webhook/webhook_url.hpp"
#include "punctual/notifier.hpp"

namespace punctual::webhook {

class WebhookNotifier {
 public:
  // Throws std::invalid_argument, with a text that names the setting.
  explicit WebhookNotifier(const NotifierHost& host);

  // Returns when the receiver has answered with a 2xx. Throws GiveUp for other answers that will stay the same, any other
  // exception where it is worth trying again.
  void notify(const Event& event);

 private:
  [[nodiscard]] Message message_for(const Event& event) const;

  NotifierHost host_;
  WebhookUrl url_;
  Format format_;
  std::optional<std::string> key_;  // what JSON is signed with
  HeaderList headers_;              // of every request
  std::int64_t timeout_ms_;
};

}  // namespace punctual::webhook
