#include "notifier-webhook/webhook_format.hpp"

namespace punctual::webhook {
namespace {

bool is_within(std::string_view host, std::string_view domain) {
  return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

}  // namespace

std::optional<Format> format_of_name(std::string_view name) {
  if (name == "json") return Format::json;
  if (name == "slack") return Format::slack;
  if (name == "discord") return Format::discord;
  if (name == "teams") return Format::teams;
  if (name == "ntfy") return Format::ntfy;
  return std::nullopt;
}

Format format_of_url(const WebhookUrl& url) {
  if (url.host == "hooks.slack.com") return Format::slack;
  // Also ptb. and canary., Discord's own test releases.
  if ((is_within(url.host, "discord.com") || is_within(url.host, "discordapp.com")) && url.path.starts_with("/api/") &&
      url.path.find("/webhooks/") != std::string::npos) {
    return Format::discord;
  }
  // Connectors, and workflows of Power Automate on its former and its present hosts.
  if (is_within(url.host, "webhook.office.com") || is_within(url.host, "logic.azure.com") ||
      is_within(url.host, "api.powerplatform.com")) {
    return Format::teams;
  }
  if (url.host == "ntfy.sh") return Format::ntfy;
  return Format::json;
}

}  // namespace punctual::webhook
