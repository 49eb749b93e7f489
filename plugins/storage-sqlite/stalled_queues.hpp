// Lines that stand still, of organisations with a channel that wants to be told of it. Inside the caller's transaction, on its
// thread.
#pragma once

#include <vector>

#include "connection.hpp"
#include "punctual/channels.hpp"

namespace punctual::sqlite {

struct StalledLine {
  StalledQueue queue;
  ExecutionId run_id;  // at its head
};

// Those whose head has been due since before `before`, and about whose head nothing has been told yet.
[[nodiscard]] std::vector<StalledLine> find_stalled(Connection& connection, Time before);

// Stores the notices about them.
[[nodiscard]] std::vector<StalledQueue> note_stalled(Connection& connection, Time before, Time now);

}  // namespace punctual::sqlite
