// LineChanges: keeps the table `lines` true. Whoever changes queued executions, or what is set for a queue, names the lines
// with touch() and calls refresh() before its transaction ends. Inside the caller's transaction, on its thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "connection.hpp"
#include "punctual/ids.hpp"
#include "punctual/queues.hpp"

namespace punctual::sqlite {

// What is set for a queue; what has no row is as it is here.
struct LineSettings {
  bool paused = false;
  int concurrency = 1;
  std::optional<QueueRate> rate;
  std::optional<Time> next_at;  // of its QueuePace
  bool configured = false;      // a client has set concurrency and rate
};
[[nodiscard]] std::optional<LineSettings> find_line_settings(Connection& connection, OrganizationId organization,
                                                             std::string_view queue);

// So many executions of a line were claimed at `now`: they count for its rate, if it has one.
void count_starts(Connection& connection, OrganizationId organization, std::string_view queue, Time now, int starts);

class LineChanges {
 public:
  explicit LineChanges(Connection& connection) : connection_(connection) {}

  // No queue: no line.
  void touch(OrganizationId organization, const std::optional<std::string>& queue);
  void refresh();

 private:
  void refresh(OrganizationId organization, const std::string& queue);

  Connection& connection_;
  std::set<std::pair<OrganizationId, std::string>> touched_;
};

}  // namespace punctual::sqlite
