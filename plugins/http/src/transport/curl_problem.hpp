// Words for what went wrong in a transfer. They never hold a part of the URL that could be a secret.
#pragma once

#include <curl/curl.h>

#include <string>

namespace punctual {

// `os_error`: the errno of the connection attempt, 0 if none. `detail`: what curl says, used for TLS only.
[[nodiscard]] std::string describe_problem(CURLcode code, int os_error, const char* detail);

}  // namespace punctual
