// What a request may send and accept: the media types of the API. Any thread.
#pragma once

#include <string_view>

#include "frontend/request_head.hpp"
#include "frontend/routes.hpp"

namespace punctual {

// Throws ApiError unsupported_media_type or not_acceptable.
void check_content(const RequestHead& head, const Route& route, std::string_view body);

// Whether an Accept field (RFC 9110, 12.5.1) lets application/json through; "" lets everything through.
[[nodiscard]] bool accepts_json(std::string_view accept);

// Whether a Content-Type is application/json or ends in +json.
[[nodiscard]] bool is_json_type(std::string_view content_type);

}  // namespace punctual
