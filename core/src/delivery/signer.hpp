// Signer: the headers of one attempt or one message, with the signatures by which a receiver knows that it comes from here.
// Pure functions; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "punctual/model.hpp"
#include "punctual/storage.hpp"
#include "punctual/time.hpp"

namespace punctual {

// The complete headers of the attempt `claimed`, sent at `now`: those of the task, then ours, which replace any of the
// task's with the same name in any case.
//
// webhook-id, webhook-timestamp and webhook-signature follow Standard Webhooks (https://www.standardwebhooks.com): one
// "v1,…" for each secret of the organisation, from old_secret_until on for the newest alone. Signatures cover the bytes sent, so for methods that carry no body they cover
// none. A body without Content-Type gets application/json when it is JSON, else text/plain. `compat_headers` adds the
// X-Runlater-… headers, signed with the newest secret.
[[nodiscard]] Headers delivery_headers(const Claimed& claimed, Time now, bool compat_headers);

// The complete headers of a message of the outbox, POSTed at `now` with this JSON as its body: webhook-id is the message's
// own, the rest as above.
[[nodiscard]] Headers message_headers(const ClaimedMessage& message, std::string_view body, Time now,
                                      bool compat_headers);

// The value of webhook-signature for one message (Standard Webhooks): for each secret "v1," and the base64 of the HMAC-SHA256
// over "id.timestamp.body", with a space between them. `timestamp` is in Unix seconds. A secret is "whsec_" and its key in
// base64; one that is not signs nothing.
[[nodiscard]] std::string webhook_signature(std::span<const std::string> secrets, std::string_view id,
                                            std::string_view timestamp, std::string_view body);

// A new secret: "whsec_" and the base64 of 32 random bytes. Throws Unavailable when the machine has no randomness to give.
[[nodiscard]] std::string make_signing_secret();

}  // namespace punctual
