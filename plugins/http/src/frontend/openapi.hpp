// The OpenAPI 3.1 document, made from the tables that route (routes.hpp), validate (task_fields.hpp) and write replies
// (task_json.hpp, execution_json.hpp).
#pragma once

#include <string>

namespace punctual {

// JSON text. Any thread.
[[nodiscard]] std::string openapi_document();

}  // namespace punctual
