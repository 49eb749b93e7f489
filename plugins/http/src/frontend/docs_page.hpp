// The page at /api/v1/docs.
#pragma once

#include <string_view>

namespace punctual {

// HTML that draws the OpenAPI document beside it; needs nothing from anywhere else. Any thread.
[[nodiscard]] std::string_view docs_page();

}  // namespace punctual
