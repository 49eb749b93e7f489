// Reads storage.url. Any thread.
#pragma once

#include <string>

namespace punctual::postgres {

// What libpq takes for `url` ("postgresql://…" or "postgres://…"), with limits for how long a connection that does not
// answer is waited for where the URL sets none. Throws Invalid when libpq does not understand it; the url, which may hold a
// password, is not repeated.
[[nodiscard]] std::string connection_string(const std::string& url);

}  // namespace punctual::postgres
