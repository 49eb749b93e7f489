// The two bodies of an e-mail. Pure; any thread.
#pragma once

#include <string>

#include "notifier-text/event_facts.hpp"

namespace punctual::email {

// With lines that end in LF.
[[nodiscard]] std::string plain_text(const text::EventFacts& facts);

// A page that loads nothing, escaped, for light and dark windows. Lines end in LF.
[[nodiscard]] std::string html_text(const text::EventFacts& facts);

}  // namespace punctual::email
