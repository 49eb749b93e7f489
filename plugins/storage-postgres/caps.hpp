// How many executions of an organisation may run at once: caps.used counts those that run, on all servers together.
#pragma once

#include <optional>

#include "punctual/ids.hpp"
#include "session.hpp"

namespace punctual::postgres {

// In a transaction that has locked the organisation, and no execution. What runs when a first cap is set counts from then on.
void set_cap(Session& session, OrganizationId organization, std::optional<int> before, std::optional<int> most);

}  // namespace punctual::postgres
