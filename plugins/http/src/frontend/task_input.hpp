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

struct TaskObject {
  boost::json::object fields;
  std::string_view source;  // their text, where needs_source(fields) (task_fields.hpp); a part of the body
};

// The same, without the {"task":…} it may be wrapped in. Throws Invalid, too.
[[nodiscard]] TaskObject read_task_object(std::string_view body, const boost::json::storage_ptr& memory);

// The functions below take fields with their text as in TaskObject.

// Throws ApiError (400) or Invalid with everything that is wrong.
[[nodiscard]] NewTask read_new_task(const boost::json::object& fields, std::string_view source, const Engine& engine);

// What `fields` make of a cron task: of the present one (fields that are not given stay as they are), or of none (null). Name,
// URL and expression must be given. Throws like read_new_task.
[[nodiscard]] TaskSpec read_cron_task(const boost::json::object& fields, std::string_view source,
                                      const TaskSpec* present, const Engine& engine);

// The change of a task; `present` is the task as it is now, which decides what the fields may mean: those that only repeat how
// its times are shown are taken out of `fields`. The result borrows `fields`, `source` and `engine`. Throws like read_new_task.
[[nodiscard]] TaskChange read_task_change(boost::json::object& fields, std::string_view source, const Task& present,
                                          const Engine& engine);

}  // namespace punctual
