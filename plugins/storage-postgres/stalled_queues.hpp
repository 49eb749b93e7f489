// Lines that stand still, of organisations with a channel that wants to be told of it. Any session, any thread.
#pragma once

#include <span>
#include <vector>

#include "punctual/channels.hpp"
#include "session.hpp"

namespace punctual::postgres {

struct StalledLine {
  StalledQueue queue;
  ExecutionId run_id;  // at its head
};

// Those whose head has been due since before `before`, and about whose head nothing has been told yet; in the order in which they
// are locked, at most `limit`.
[[nodiscard]] std::vector<StalledLine> find_stalled(Session& session, Time before, std::size_t limit);

// Stores the notices about them, in the caller's transaction; those that nobody else has told of meanwhile.
[[nodiscard]] std::vector<StalledQueue> note_stalled(Session& session, std::span<const StalledLine> lines, Time now);

}  // namespace punctual::postgres
