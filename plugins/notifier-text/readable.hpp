// Makes texts of unknown origin fit to be read by people: valid UTF-8, no control characters, not too long. Pure functions;
// any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace punctual::text {

// `text` in valid UTF-8 with lines that end in LF: other control characters but tabs are left out, and bytes that are not
// UTF-8 become U+FFFD.
[[nodiscard]] std::string readable(std::string_view text);

// The same on one line: line breaks and tabs become spaces, and none are left at its ends.
[[nodiscard]] std::string one_line(std::string_view text);

// At most `most` bytes, at least 3, of `text`, which is valid UTF-8; when something is left out, an ellipsis says so.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);

// Replaces what is between "://" and the last @ of the authority of a URL by "***".
[[nodiscard]] std::string without_userinfo(std::string_view url);

[[nodiscard]] std::string replaced(std::string_view text, std::string_view what, std::string_view by);

}  // namespace punctual::text
