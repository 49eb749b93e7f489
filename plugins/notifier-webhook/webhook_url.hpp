// The address that events are posted to. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punctual::webhook {

struct WebhookUrl {
  std::string text;  // as it was given
  std::string host;  // lower case, without port and userinfo
  std::string path;  // from its first slash on, without query; may be empty
};

// nullopt: not an http or https URL with a host, longer than 2048 bytes, or with other than printable ASCII characters.
[[nodiscard]] std::optional<WebhookUrl> parse_url(std::string_view text);

}  // namespace punctual::webhook
