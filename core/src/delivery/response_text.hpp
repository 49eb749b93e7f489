// What is kept of a response's body: always text, so that any database and any JSON can hold it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace punctual {

// `body` as it is when it is UTF-8 without NUL, else its base64. When it was cut off (`truncated`), the character that the
// cut went through is left out and "... [truncated]" follows.
[[nodiscard]] std::string response_text(std::string_view body, bool truncated);

// A name or value of a response's header as text: UTF-8 is kept, anything else is read as ISO 8859-1, which is what bytes
// beyond ASCII in headers once meant (RFC 9110, section 5.5).
[[nodiscard]] std::string header_text(std::string_view bytes);

}  // namespace punctual
