// A whole e-mail for an event (RFC 5322, MIME): headers, and the same as text and as HTML. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "notifier-email/address.hpp"
#include "punctual/notifier.hpp"

namespace punctual::email {

struct Correspondence {
  Address from;
  std::vector<Address> to;
  std::string subject_prefix;  // one line; may be empty
};

// Lines end in CR LF and are at most 998 bytes of ASCII. Message-ID follows from the event's id, so one that is told again can
// be recognised; what concerns one task refers to the same thread. `now`: Unix seconds.
[[nodiscard]] std::string email_message(const Event& event, const Correspondence& correspondence, std::int64_t now);

}  // namespace punctual::email
