// Keeps secrets and control bytes out of lines that people read. Pure functions; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace punctual {

// `text` with everything that looks like a secret replaced: sk_live_…, whsec_…, userinfo of a URL, and the values of its
// parameters whose names have token, secret, passw, pwd, key, sig, auth or credential in them.
[[nodiscard]] std::string mask_secrets(std::string_view text);

// `text` with each of `values` replaced wherever it stands. What is shorter than a secret can be is left.
[[nodiscard]] std::string mask_values(std::string_view text, std::span<const std::string> values);
// The same for userinfo of URLs alone.
[[nodiscard]] std::string mask_userinfo(std::string_view text);

// `text` on one line and in valid UTF-8: control characters are written \n, \r, \t, \xNN or \uNNNN, other bytes that are not
// UTF-8 become U+FFFD.
[[nodiscard]] std::string one_line(std::string_view text);

// Whether a setting of this name is never shown: its name ends in password, secret or token.
[[nodiscard]] bool is_secret_name(std::string_view setting);

}  // namespace punctual
