// Monthly quotas: how many runs of an organisation may begin in a calendar month (UTC). They are counted, exactly and on all
// servers together, in the transaction that stores a run: WorkStore::insert, TaskGroups::insert, TaskStore::add_run,
// ExecutionChanges::retry and retry_many, Schedules::advance. Retries that follow an attempt by themselves are part of their run
// and not counted. An organisation without a quota has no count and pays for none.
//
// The month is that of the instant the caller gives (for a cron occurrence, that of its due time); it never goes backwards.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

// The first instant of the calendar month, UTC, that `at` is in.
[[nodiscard]] constexpr Time month_of(Time at) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(at)};
  return std::chrono::sys_days{date.year() / date.month() / 1};
}

struct QuotaUse {
  std::int64_t most = 0;  // runs a month
  std::int64_t used = 0;  // of them, in the month
};

// A count that has come so far for the first time in its month.
struct QuotaNotice {
  enum class Level : std::uint8_t {
    near = 1,     // four fifths of the quota are used
    reached = 2,  // all of it is: requests are refused, cron occurrences skipped
  };
  OrganizationId organization_id;
  std::string organization_name;
  Level level = Level::near;
  QuotaUse use;
};

class Quotas {
 public:
  virtual ~Quotas() = default;

  // What of its quota an organisation has used in the month of `at`; nullopt: it has none.
  [[nodiscard]] virtual std::optional<QuotaUse> find(OrganizationId organization, Time at) = 0;

  // What is to be told of the counts of the month that `now` is in; each is given once a month, on all servers together, and
  // again only where another limit has taken it back meanwhile. Of one organisation `near` comes before `reached`. `describe` is called for each, perhaps more than once and on a thread of the backend, and gives the
  // line that is written to the audit log with it.
  [[nodiscard]] virtual std::vector<QuotaNotice> take_notices(
      Time now, const std::function<AuditEntry(const QuotaNotice&)>& describe) = 0;
};

}  // namespace punctual
