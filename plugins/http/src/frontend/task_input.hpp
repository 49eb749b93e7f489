// What a client asks a task to be: the JSON of POST, PUT and PATCH, checked field by field (task_fields.hpp).
// Every function may be called from any thread.
#pragma once

#include <boost/json.hpp>
#include <string_view>

#include "punctual/engine.hpp"

namespace punctual {

// The object a body holds; an empty body is an empty object. Throws ApiError invalid_json or invalid_params. The value is made
// in `memory`, which outlives it.
[[nodiscard]] boost::json::object read_object(std::string_view body, const boost::json::storage_ptr& memory);

// The same, without the {"task":…} it may be wrapped in. Throws Invalid, too.
[[nodiscard]] boost::json::object read_task_object(std::string_view body, const boost::json::storage_ptr& memory);

// Throws ApiError (400) or Invalid with everything that is wrong.
[[nodiscard]] NewTask read_new_task(const boost::json::object& fields, const Engine& engine);

// The change of a task; `present` is the task as it is now, which decides what the fields may mean. The result borrows `fields`
// and `engine`. Throws like read_new_task.
[[nodiscard]] TaskChange read_task_change(const boost::json::object& fields, const Task& present, const Engine& engine);

}  // namespace punctual
