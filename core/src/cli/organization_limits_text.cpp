#include "cli/organization_limits_text.hpp"

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <limits>
#include <set>

#include "cli/command.hpp"
#include "host/setting_value.hpp"

namespace punctual {
namespace {

constexpr std::string_view no_limit = "none";

std::int64_t read_count(std::string_view name, std::string_view text, std::int64_t most) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || number < 1 || number > most) {
    throw UsageError(std::string(name) + " must be a number from 1 to " + std::to_string(most) + ", or none, not '" +
                     std::string(text) + "'");
  }
  return number;
}

seconds read_span(std::string_view name, std::string_view text, seconds least) {
  constexpr std::chrono::days most{3660};
  const auto duration = parse_duration(text);
  if (!duration || *duration < least || *duration > most || *duration % seconds{1} != milliseconds{0}) {
    throw UsageError(std::string(name) + " must be a duration of whole seconds from " + format_duration(least) +
                     " to " + format_duration(most) + ", or none, not '" + std::string(text) + "'");
  }
  return std::chrono::duration_cast<seconds>(*duration);
}

boost::json::value value_of(const std::optional<int>& limit) {
  return limit ? boost::json::value(*limit) : boost::json::value(nullptr);
}
boost::json::value value_of(const std::optional<std::int64_t>& limit) {
  return limit ? boost::json::value(*limit) : boost::json::value(nullptr);
}
boost::json::value value_of(const std::optional<seconds>& limit) {
  return limit ? boost::json::value(format_duration(*limit)) : boost::json::value(nullptr);
}

bool read_flag(std::string_view name, std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  throw UsageError(std::string(name) + " must be true or false, not '" + std::string(text) + "'");
}

struct Limit {
  std::string_view name;
  std::string_view form;
  void (*set)(Organization& organization, std::string_view name, std::string_view text);
  void (*lift)(Organization& organization);
  boost::json::value (*value)(const Organization& organization);
};

constexpr std::int64_t most_at_once = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t most_a_month = 1'000'000'000'000;

constexpr std::array limits{
    Limit{"max_concurrent", "NUMBER",
          [](Organization& o, std::string_view name, std::string_view text) {
            o.max_concurrent = static_cast<int>(read_count(name, text, most_at_once));
          },
          [](Organization& o) { o.max_concurrent.reset(); },
          [](const Organization& o) { return value_of(o.max_concurrent); }},
    Limit{"monthly_executions", "NUMBER",
          [](Organization& o, std::string_view name, std::string_view text) {
            o.limits.monthly_executions = read_count(name, text, most_a_month);
          },
          [](Organization& o) { o.limits.monthly_executions.reset(); },
          [](const Organization& o) { return value_of(o.limits.monthly_executions); }},
    Limit{"min_cron_interval", "DURATION",
          [](Organization& o, std::string_view name, std::string_view text) {
            o.limits.min_cron_interval = read_span(name, text, seconds{1});
          },
          [](Organization& o) { o.limits.min_cron_interval.reset(); },
          [](const Organization& o) { return value_of(o.limits.min_cron_interval); }},
    Limit{"max_tasks", "NUMBER",
          [](Organization& o, std::string_view name, std::string_view text) {
            o.limits.max_tasks = read_count(name, text, most_at_once);
          },
          [](Organization& o) { o.limits.max_tasks.reset(); },
          [](const Organization& o) { return value_of(o.limits.max_tasks); }},
    Limit{"retention", "DURATION",
          [](Organization& o, std::string_view name, std::string_view text) {
            o.limits.retention = read_span(name, text, std::chrono::hours{1});
          },
          [](Organization& o) { o.limits.retention.reset(); },
          [](const Organization& o) { return value_of(o.limits.retention); }},
    Limit{"notify_on_failure", "true|false",
          [](Organization& o, std::string_view name, std::string_view text) {
            o.notify_on_failure = read_flag(name, text);
          },
          [](Organization& o) { o.notify_on_failure = true; },
          [](const Organization& o) { return boost::json::value(o.notify_on_failure); }},
    Limit{"notify_on_recovery", "true|false",
          [](Organization& o, std::string_view name, std::string_view text) {
            o.notify_on_recovery = read_flag(name, text);
          },
          [](Organization& o) { o.notify_on_recovery = true; },
          [](const Organization& o) { return boost::json::value(o.notify_on_recovery); }},
};

void set_limit(Organization& organization, std::string_view assignment) {
  const auto equals = assignment.find('=');
  const auto name = assignment.substr(0, equals);
  for (const Limit& limit : limits) {
    if (equals == std::string_view::npos || limit.name != name) continue;
    const auto text = assignment.substr(equals + 1);
    return text == no_limit ? limit.lift(organization) : limit.set(organization, name, text);
  }
  throw UsageError("org set takes " + known_limits() + ", each also =none; not '" + std::string(assignment) + "'");
}

std::string in_words(const boost::json::value& value) {
  if (value.is_null()) return std::string(no_limit);
  return value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
}

}  // namespace

void set_limits(Organization& organization, const std::vector<std::string>& assignments) {
  Organization changed = organization;
  std::set<std::string> named;
  for (const std::string& assignment : assignments) {
    set_limit(changed, assignment);
    const std::string name = assignment.substr(0, assignment.find('='));
    if (!named.insert(name).second) throw UsageError(name + " is set twice");
  }
  organization = std::move(changed);
}

std::vector<std::pair<std::string_view, std::string>> limits_in_words(const Organization& organization) {
  std::vector<std::pair<std::string_view, std::string>> out;
  out.reserve(limits.size());
  for (const Limit& limit : limits) out.emplace_back(limit.name, in_words(limit.value(organization)));
  return out;
}

std::string known_limits() {
  std::string out;
  for (const Limit& limit : limits) {
    out += (out.empty() ? "" : ", ") + std::string(limit.name) + "=" + std::string(limit.form);
  }
  return out;
}

std::string describe_limit_changes(const Organization& before, const Organization& after) {
  boost::json::object out;
  for (const Limit& limit : limits) {
    auto from = limit.value(before);
    auto to = limit.value(after);
    if (from != to) out[limit.name] = boost::json::object{{"from", std::move(from)}, {"to", std::move(to)}};
  }
  return boost::json::serialize(out);
}

}  // namespace punctual
