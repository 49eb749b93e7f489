// LineChanges: keeps the table `lines` true. Whoever changes queued executions names their lines with touch() and calls
// refresh() before its transaction ends. Inside the caller's transaction, on its thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "connection.hpp"
#include "punctual/ids.hpp"

namespace punctual::sqlite {

class LineChanges {
 public:
  explicit LineChanges(Connection& connection) : connection_(connection) {}

  // No queue: no line.
  void touch(OrganizationId organization, const std::optional<std::string>& queue);
  void refresh();

 private:
  Connection& connection_;
  std::set<std::pair<OrganizationId, std::string>> touched_;
};

}  // namespace punctual::sqlite
