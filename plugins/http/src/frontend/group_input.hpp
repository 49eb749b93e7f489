// What a client asks about many tasks at once: the JSON of POST /tasks/batch and PUT /sync. What is wrong with one of them is
// named with its place: "items[3]", "tasks[3].url". Every function may be called from any thread.
#pragma once

#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "punctual/engine.hpp"

namespace punctual {

// Both take an object and its text.

// The tasks of a batch, in order. Throws ApiError (400) or Invalid with everything that is wrong.
[[nodiscard]] std::vector<NewTask> read_batch(const boost::json::object& fields, std::string_view source,
                                              const Engine& engine);

// The tasks of a sync. The result borrows `fields`, `source` and `engine`. Throws like read_batch.
[[nodiscard]] TaskSync read_sync(const boost::json::object& fields, std::string_view source, const Engine& engine);

}  // namespace punctual
