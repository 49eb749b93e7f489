// The headers of webhook.headers. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "notifier-webhook/message.hpp"

namespace punctual::webhook {

// Reads "Name: value,Name: value". Throws std::invalid_argument, without a value in its text, for one that is not written so,
// and for those that only the sender of a request or its signature may set.
[[nodiscard]] HeaderList parse_header_list(std::string_view list);

// Sets the header, instead of those with the same name in any case.
void set_header(HeaderList& headers, const std::string& name, const std::string& value);

}  // namespace punctual::webhook
