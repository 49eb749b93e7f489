// Retention: what ended long ago is deleted. Inside the caller's transaction, on its thread.
#pragma once

#include <cstddef>

#include "connection.hpp"
#include "punctual/storage.hpp"
#include "punctual/time.hpp"

namespace punctual::sqlite {

// An organisation of which something has been kept for long enough: what ended before `before`.
struct Overdue {
  OrganizationId organization_id;
  Time before;
};
[[nodiscard]] std::vector<Overdue> find_overdue(Connection& connection, const Upkeep& upkeep);

struct Removed {
  std::size_t executions = 0;
  std::size_t tasks = 0;
};

// Deletes the first `limit` executions that are overdue, with their responses, and the one-time tasks whose last
// execution goes with them.
[[nodiscard]] Removed remove_finished(Connection& connection, const Overdue& overdue, std::size_t limit);

// Of the first `limit` tasks whose deletion is overdue, really deletes those without executions; how many.
[[nodiscard]] std::size_t remove_deleted_tasks(Connection& connection, const Overdue& overdue, std::size_t limit);

}  // namespace punctual::sqlite
