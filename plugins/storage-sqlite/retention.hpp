// Retention: what ended long ago is deleted. Inside the caller's transaction, on its thread.
#pragma once

#include <cstddef>

#include "connection.hpp"
#include "punctual/time.hpp"

namespace punctual::sqlite {

struct Removed {
  std::size_t executions = 0;
  std::size_t tasks = 0;
};

// Deletes the first `limit` executions that ended before `before`, with their responses, and the one-time tasks whose last
// execution goes with them.
[[nodiscard]] Removed remove_finished(Connection& connection, Time before, std::size_t limit);

// Of the first `limit` tasks that were deleted before `before`, really deletes those without executions; how many.
[[nodiscard]] std::size_t remove_deleted_tasks(Connection& connection, Time before, std::size_t limit);

}  // namespace punctual::sqlite
