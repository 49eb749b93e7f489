#include "engine/housekeeping.hpp"

#include <algorithm>

namespace punctual {
namespace {

constexpr std::chrono::hours reply_lifetime{24};
constexpr std::size_t rows_a_tick = 1000;
constexpr seconds between_notices{5};
constexpr seconds between_looks_at_queues{30};
constexpr seconds between_expiries{60};

std::string sentence(const QuotaNotice& notice) {
  const std::string most = std::to_string(notice.use.most);
  if (notice.level == QuotaNotice::Level::near)
    return "four fifths of the " + most + " executions of this month are used";
  return std::to_string(notice.use.used) + " of " + most +
         " executions of this month are used: requests are refused and cron occurrences skipped until the month ends "
         "or the limit is raised";
}

AuditEntry entry_of(const QuotaNotice& notice, Time now) {
  const bool reached = notice.level == QuotaNotice::Level::reached;
  return {notice.organization_id,
          now,
          "system",
          reached ? "organization.quota_reached" : "organization.quota_near",
          notice.organization_id.text(),
          sentence(notice)};
}

}  // namespace

Time Housekeeping::tick() {
  const Time now = clock_.now();
  const auto sizes = held_.sizes();
  metrics_.waiting.set(static_cast<double>(sizes.waiting));
  metrics_.sending.set(static_cast<double>(sizes.sending));
  try {
    keys_.flush_touches();
    if (has_come(next_notices_, now, between_notices)) {
      tell_of_quotas(now);
      next_notices_ = now + between_notices;
    }
    if (has_come(next_stalled_, now, between_looks_at_queues)) {
      tell_of_stalled_queues(now);
      next_stalled_ = now + between_looks_at_queues;
    }
    if (has_come(next_expiry_, now, between_expiries)) {
      if (!expire(now)) return now + milliseconds{10};
      next_expiry_ = now + between_expiries;
    }
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    host_.log(LogLevel::warn, std::string("housekeeping failed, trying again in a second: ") + error.what());
  }
  return now + seconds{1};
}

bool Housekeeping::expire(Time now) {
  const bool replies = storage_.maintenance().expire_replies(now - reply_lifetime, rows_a_tick) == rows_a_tick;
  const bool entries = storage_.audit().expire(now - audit_retention_, rows_a_tick) == rows_a_tick;
  const bool notices = storage_.channels().expire(now - dead_notice_retention_, rows_a_tick) == rows_a_tick;
  const std::size_t ended = storage_.directory().end_rotations(now);
  longest_retention_ =
      std::max(retention_, milliseconds{storage_.directory().longest_retention().value_or(seconds{0})});
  if (ended > 0) host_.log(LogLevel::info, "old signing secrets taken out of use: " + std::to_string(ended));
  return !replies && !entries && !notices;
}

void Housekeeping::tell_of_quotas(Time now) {
  const auto notices =
      storage_.quotas().take_notices(now, [&](const QuotaNotice& notice) { return entry_of(notice, now); });
  for (const QuotaNotice& notice : notices) {
    host_.log(LogLevel::warn, "organisation " + notice.organization_id.text() + ": " + sentence(notice));
  }
}

void Housekeeping::tell_of_stalled_queues(Time now) {
  for (const StalledQueue& queue : storage_.channels().note_stalled_queues(now, queue_patience_)) {
    host_.log(LogLevel::warn, "organisation " + queue.organization_id.text() + ": queue '" + queue.name +
                                  "' stands still: its head has been due since " + format_rfc3339(queue.since));
  }
}

Time Housekeeping::upkeep() {
  const Time now = clock_.now();
  try {
    const UpkeepReport report = storage_.maintenance().upkeep({now, retention_});
    for (const auto& fact : report.done) host_.log(LogLevel::info, "upkeep: " + fact);
    for (const auto& fact : report.deferred) host_.log(LogLevel::warn, "upkeep, to be tried again: " + fact);
    // More of what is removed in small steps may be there.
    return now + (report.done.empty() ? seconds{60} : seconds{1});
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    host_.log(LogLevel::warn, std::string("upkeep failed, trying again in a minute: ") + error.what());
  }
  return now + seconds{60};
}

}  // namespace punctual
