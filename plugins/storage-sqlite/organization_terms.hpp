// OrganizationTerms: on which terms work of an organisation is claimed. Inside the caller's transaction, on its thread.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"
#include "punctual/ids.hpp"
#include "punctual/time.hpp"

namespace punctual::sqlite {

struct OrganizationTerms {
  std::vector<std::string> signing_secrets;
  std::optional<Time> old_secret_until;
  bool capped = false;
  std::size_t room = std::numeric_limits<std::size_t>::max();  // how many more may run; without a cap there is no end
};

// The terms of organisations as they are at the first question, each read once.
class TermsReader {
 public:
  explicit TermsReader(Connection& connection) : connection_(connection) {}

  // Throws Corrupt when there is no such organisation.
  const OrganizationTerms& of(OrganizationId organization);

 private:
  [[nodiscard]] OrganizationTerms read(OrganizationId organization);
  [[nodiscard]] std::size_t running(OrganizationId organization);

  Connection& connection_;
  std::map<OrganizationId, OrganizationTerms> terms_;
};

}  // namespace punctual::sqlite
