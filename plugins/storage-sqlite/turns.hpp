// Which executions a claim takes: all that is due when it fits, else organisations take turns. Inside the caller's
// transaction, on its thread.
#pragma once

#include <compare>
#include <optional>
#include <vector>

#include "connection.hpp"
#include "organization_terms.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

// An execution without a queue, or one that has a slot of its line.
struct Candidate {
  Time due;
  ExecutionId id;
  OrganizationId organization_id;
  friend auto operator<=>(const Candidate&, const Candidate&) = default;
};

// Whose turn it was, from one claim to the next: with more organisations than a claim takes, all come to their turn.
struct Turns {
  std::optional<OrganizationId> last;
};

// In order of due time, then id.
[[nodiscard]] std::vector<Candidate> choose_due(Connection& connection, TermsReader& terms, Turns& turns,
                                                const ClaimRequest& request);

}  // namespace punctual::sqlite
