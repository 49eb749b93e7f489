// The library's one exported symbol: the descriptor of the notifier.
#include "notifier-webhook/webhook_notifier.hpp"
#include "punctual/version.h"

namespace {

constexpr punctual_setting settings[] = {
    {"webhook.url", PUNCTUAL_STRING, "", "Where events are posted to."},
    {"webhook.format", PUNCTUAL_STRING, "auto",
     "What the receiver expects: json, slack, discord, teams or ntfy; auto goes by the URL's host."},
    {"webhook.secret", PUNCTUAL_STRING, "", "Signs JSON as Standard Webhooks does: whsec_ and a key in base64."},
    {"webhook.token", PUNCTUAL_STRING, "", "Sent as Authorization: Bearer."},
    {"webhook.headers", PUNCTUAL_STRING_LIST, "", "Further headers, each written Name: value."},
    {"webhook.timeout", PUNCTUAL_DURATION, "10s", "How long a request may take."},
};

}  // namespace

PUNCTUAL_NOTIFIER(punctual::webhook::WebhookNotifier, "notifier-webhook", PUNCTUAL_VERSION, settings)
