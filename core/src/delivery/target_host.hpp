// Which host a URL leads to. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punctual {

// "example.com:443": the host in lower case, without userinfo or a dot at its end, and the port, which for http and https
// need not be in the URL. nullopt: there is no host.
[[nodiscard]] std::optional<std::string> target_host(std::string_view url);

}  // namespace punctual
