// What is kept of a response's body: always text, so that any database and any JSON can hold it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace punctual {

// `body` as it is when it is UTF-8 without NUL, else its base64. When it was cut off (`truncated`), the character that the
// cut went through is left out and "... [truncated]" follows.
[[nodiscard]] std::string response_text(std::string_view body, bool truncated);

}  // namespace punctual
