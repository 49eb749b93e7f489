// Texts in header lines that take ASCII alone: encoded words (RFC 2047). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace punctual::text {

// `text`, one line of valid UTF-8, as it is when it is printable ASCII that no reader would decode; else as encoded words of
// at most 64 characters with `between` among them.
[[nodiscard]] std::string encoded_words(std::string_view text, std::string_view between = " ");

}  // namespace punctual::text
