#include "notifier-webhook/webhook_notifier.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <stdexcept>

#include "notifier-text/event_facts.hpp"
#include "notifier-text/readable.hpp"
#include "notifier-webhook/discord_message.hpp"
#include "notifier-webhook/header_list.hpp"
#include "notifier-webhook/json_message.hpp"
#include "notifier-webhook/ntfy_message.hpp"
#include "notifier-webhook/slack_message.hpp"
#include "notifier-webhook/standard_webhooks.hpp"
#include "notifier-webhook/teams_message.hpp"
#include "punctual/version.h"

namespace punctual::webhook {
namespace {

constexpr std::size_t most_of_an_answer = 200;

WebhookUrl url_setting(const NotifierHost& host) {
  const auto text = host.setting("webhook.url");
  if (text.empty()) throw std::invalid_argument("webhook.url is not set: it is where events are posted to");
  auto url = parse_url(text);
  if (!url) throw std::invalid_argument("webhook.url is not an http or https URL");
  return std::move(*url);
}

Format format_setting(const NotifierHost& host, const WebhookUrl& url) {
  const auto name = host.setting("webhook.format");
  if (name == "auto") return format_of_url(url);
  const auto format = format_of_name(name);
  if (!format) {
    throw std::invalid_argument("webhook.format must be auto, json, slack, discord, teams or ntfy, not '" + name + "'");
  }
  return *format;
}

std::optional<std::string> key_setting(const NotifierHost& host) {
  const auto secret = host.setting("webhook.secret");
  if (secret.empty()) return std::nullopt;
  auto key = key_of_secret(secret);
  if (!key) throw std::invalid_argument("webhook.secret must be whsec_ and a key in base64");
  return key;
}

HeaderList headers_setting(const NotifierHost& host) {
  HeaderList out{{"User-Agent", "Punctual/" PUNCTUAL_VERSION}};
  for (const auto& [name, value] : parse_header_list(host.setting("webhook.headers"))) set_header(out, name, value);
  const auto token = host.setting("webhook.token");
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    throw std::invalid_argument("webhook.token has a space or other than printable ASCII characters");
  }
  if (!token.empty()) set_header(out, "Authorization", "Bearer " + token);
  return out;
}

std::int64_t timeout_setting(const NotifierHost& host) {
  const auto text = host.setting("webhook.timeout");
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  if (out <= 0) throw std::invalid_argument("webhook.timeout must be more than 0");
  return out;
}

// "HTTP 404: no_service"
std::string answer_text(const HttpResponse& response) {
  const auto body = text::shortened(text::one_line(response.body), most_of_an_answer);
  return "HTTP " + std::to_string(response.status) + (body.empty() ? "" : ": " + body);
}

bool may_change(int status) { return status == 408 || status == 425 || status == 429 || status >= 500; }

// A connector of Teams answers 200 and writes of the failure in the body.
bool failed_behind_a_connector(Format format, const HttpResponse& response) {
  return format == Format::teams && response.body.find("message delivery failed") != std::string::npos;
}

void judge(Format format, const HttpResponse& response) {
  if (response.status == 0) {
    if (response.blocked) throw GiveUp(response.error);
    throw std::runtime_error(response.error.empty() ? "no response" : response.error);
  }
  if (response.status / 100 == 2) {
    if (failed_behind_a_connector(format, response)) throw std::runtime_error(answer_text(response));
    return;
  }
  auto text = answer_text(response);
  if (response.retry_after_ms > 0) {
    text += " (asks to wait for " + text::duration_text(response.retry_after_ms) + ')';
  }
  if (may_change(response.status)) throw std::runtime_error(text);
  if (response.status / 100 == 3) text += " (redirects are not followed: webhook.url must be the final address)";
  throw GiveUp(text);
}

}  // namespace

WebhookNotifier::WebhookNotifier(const NotifierHost& host)
    : host_(host),
      url_(url_setting(host)),
      format_(format_setting(host, url_)),
      key_(key_setting(host)),
      headers_(headers_setting(host)),
      timeout_ms_(timeout_setting(host)) {}

void WebhookNotifier::notify(const Event& event) {
  auto message = message_for(event);
  for (const auto& [name, value] : headers_) set_header(message.headers, name, value);
  judge(format_, host_.http({"POST", url_.text, std::move(message.headers), std::move(message.body), timeout_ms_}));
}

Message WebhookNotifier::message_for(const Event& event) const {
  switch (format_) {
    case Format::slack:
      return slack_message(text::facts_of(event));
    case Format::discord:
      return discord_message(text::facts_of(event));
    case Format::teams:
      return teams_message(text::facts_of(event));
    case Format::ntfy:
      return ntfy_message(text::facts_of(event));
    case Format::json:
      break;
  }
  return json_message(event, key_, std::time(nullptr));
}

}  // namespace punctual::webhook
