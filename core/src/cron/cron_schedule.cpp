#include "cron/cron_schedule.hpp"

#include <cctz/time_zone.h>

#include <algorithm>
#include <utility>

#include "cron/time_zones.hpp"

namespace punctual {
namespace {

using Lookup = cctz::time_zone::civil_lookup;

constexpr Time before_first_instant = Time{std::chrono::sys_days{std::chrono::year{1} / 1 / 1}} - microseconds{1};
constexpr Time last_instant = Time{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}} - microseconds{1};

LocalMinute to_local(const cctz::civil_second& time) {
  return LocalMinute{std::chrono::floor<std::chrono::minutes>(seconds{time - cctz::civil_second()})};
}

cctz::civil_second to_civil(LocalMinute time) {
  return cctz::civil_second() + seconds{time.time_since_epoch()}.count();
}

Time to_time(const cctz::time_point<cctz::seconds>& instant) {
  return std::chrono::time_point_cast<microseconds>(instant);
}

}  // namespace

CronSchedule::CronSchedule(const CronExpression& expression, std::shared_ptr<const cctz::time_zone> zone)
    : expression_(expression), zone_(std::move(zone)) {}

std::variant<CronSchedule, ScheduleProblem> CronSchedule::make(std::string_view expression, std::string_view timezone) {
  const auto parsed = CronExpression::parse(expression);
  if (!parsed) return ScheduleProblem::invalid_expression;
  auto zone = find_time_zone(timezone);
  if (!zone) return ScheduleProblem::unknown_timezone;
  return CronSchedule(*parsed, std::move(zone));
}

std::optional<Time> CronSchedule::next(Time after) const {
  if (after >= last_instant) return std::nullopt;
  after = std::max(after, before_first_instant);
  const auto here = zone_->lookup(std::chrono::floor<cctz::seconds>(after)).cs;
  const auto found = search(to_local(here) + std::chrono::minutes{1}, after);
  if (!expression_.follows_elapsed_time()) return found;

  // In the first pass of a repeated hour, the second pass comes before whatever follows on the clock.
  const auto passes = zone_->lookup(here);
  if (passes.kind != Lookup::REPEATED) return found;
  const auto second_pass = to_time(passes.trans);
  if (after >= second_pass || (found && *found < second_pass)) return found;
  return search(to_local(zone_->lookup(passes.trans).cs), after);
}

std::vector<Time> CronSchedule::next(Time after, std::size_t count) const {
  std::vector<Time> out;
  while (out.size() < count) {
    const auto time = next(after);
    if (!time) break;
    out.push_back(*time);
    after = *time;
  }
  return out;
}

LocalMinute CronSchedule::local_time(Time at) const {
  return to_local(zone_->lookup(std::chrono::floor<cctz::seconds>(at)).cs);
}

Time CronSchedule::instant_of(LocalMinute local) const {
  const auto times = zone_->lookup(to_civil(local));
  return to_time(times.kind == Lookup::SKIPPED ? times.trans : times.pre);
}

std::optional<Time> CronSchedule::clock_change_after(Time after) const {
  cctz::time_zone::civil_transition change;
  if (!zone_->next_transition(std::chrono::floor<cctz::seconds>(after), &change)) return std::nullopt;
  const Time at = to_time(zone_->lookup(change.to).trans);
  if (at <= after) return std::nullopt;
  return at;
}

// Goes along the local clock. That finds instants in their order, since neither of the rules for gaps and repetitions lets
// a later time on the clock come before an earlier one.
std::optional<Time> CronSchedule::search(LocalMinute from, Time after) const {
  for (auto local = expression_.first_match(from); local;
       local = expression_.first_match(*local + std::chrono::minutes{1})) {
    const auto time = instant_of(*local, after);
    if (time && *time > last_instant) break;
    if (time && *time > after) return time;
  }
  return std::nullopt;
}

std::optional<Time> CronSchedule::instant_of(LocalMinute local, Time after) const {
  const bool elapsed = expression_.follows_elapsed_time();
  const auto times = zone_->lookup(to_civil(local));
  switch (times.kind) {
    case Lookup::SKIPPED:
      if (elapsed) return std::nullopt;
      return to_time(times.trans);
    case Lookup::REPEATED:
      if (elapsed && to_time(times.pre) <= after) return to_time(times.post);
      return to_time(times.pre);
    case Lookup::UNIQUE:
      break;
  }
  return to_time(times.pre);
}

}  // namespace punctual
