// The things Punctual keeps: tasks, executions, organisations, API keys. Plain values without behaviour.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "punctual/ids.hpp"
#include "punctual/time.hpp"

namespace punctual {

enum class ScheduleType : std::uint8_t { once, cron };
enum class Method : std::uint8_t { get, post, put, patch, del, head, options };
enum class ExecutionStatus : std::uint8_t { pending, running, success, failed, timeout, missed, cancelled };
// What to do with cron occurrences that passed while nobody could run them.
enum class Misfire : std::uint8_t { skip, last, all };
// What to do with a cron occurrence while an earlier run of the task has not ended.
enum class Overlap : std::uint8_t { allow, skip };

// The names used in the API and in storage; parse_… of any other text is nullopt.
[[nodiscard]] constexpr std::string_view name_of(ScheduleType value) {
  return value == ScheduleType::once ? "once" : "cron";
}
[[nodiscard]] constexpr std::string_view name_of(Method value) {
  constexpr std::array<std::string_view, 7> names{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
  return names[static_cast<std::size_t>(value)];
}
[[nodiscard]] constexpr std::string_view name_of(ExecutionStatus value) {
  constexpr std::array<std::string_view, 7> names{"pending", "running", "success",  "failed",
                                                  "timeout", "missed",  "cancelled"};
  return names[static_cast<std::size_t>(value)];
}
[[nodiscard]] constexpr std::string_view name_of(Misfire value) {
  constexpr std::array<std::string_view, 3> names{"skip", "last", "all"};
  return names[static_cast<std::size_t>(value)];
}
[[nodiscard]] constexpr std::string_view name_of(Overlap value) { return value == Overlap::allow ? "allow" : "skip"; }

// Finds the enumerator of E whose name is `text`, e.g. parse_name<Method>("GET").
template <class E>
[[nodiscard]] constexpr std::optional<E> parse_name(std::string_view text) {
  constexpr std::size_t count = [] {
    if constexpr (std::is_same_v<E, Method> || std::is_same_v<E, ExecutionStatus>)
      return std::size_t{7};
    else if constexpr (std::is_same_v<E, Misfire>)
      return std::size_t{3};
    else
      return std::size_t{2};
  }();
  for (std::size_t i = 0; i < count; ++i) {
    if (name_of(static_cast<E>(i)) == text) return static_cast<E>(i);
  }
  return std::nullopt;
}

// In the order given; names are compared without case when sent, but kept as written.
using Headers = std::vector<std::pair<std::string, std::string>>;

// What a client decides about a task. Every value has passed validation.
struct TaskSpec {
  std::string name;
  std::string url;
  Method method = Method::post;
  Headers headers;
  std::string body;
  ScheduleType schedule_type = ScheduleType::once;
  std::optional<std::string> cron_expression;  // set exactly when schedule_type is cron
  std::string timezone = "UTC";                // IANA name; of meaning for cron only
  std::optional<Time> scheduled_at;            // set exactly when schedule_type is once
  bool enabled = true;
  milliseconds timeout{30000};  // total time of one attempt
  int retry_attempts = 5;       // attempts after the first
  std::optional<std::string> callback_url;
  std::optional<std::string> on_failure_url;
  std::optional<std::string> on_recovery_url;
  std::optional<std::string> expected_status_codes;  // comma list, 100..599
  std::optional<std::string> expected_body_pattern;  // plain substring
  std::optional<std::string> queue;
  std::optional<bool> notify_on_failure;  // nullopt: the organisation's setting
  std::optional<bool> notify_on_recovery;
  Misfire misfire = Misfire::last;
  Overlap overlap = Overlap::allow;
  std::optional<seconds> retry_delay;      // base of the backoff; nullopt: the server's setting
  std::optional<seconds> retry_max_delay;  // cap of the backoff; nullopt: the server's setting
  std::optional<seconds> expires_in;       // an attempt not sent within this of its due time is missed

  friend bool operator==(const TaskSpec&, const TaskSpec&) = default;
};

struct Task {
  TaskId id;
  OrganizationId organization_id;
  TaskSpec spec;
  std::optional<Time> next_run_at;  // once: the due time of the pending execution; cron: the next occurrence
  std::optional<Time> last_execution_at;
  std::optional<ExecutionStatus> last_execution_status;
  Time inserted_at;
  Time updated_at;
};

// One attempt.
struct Execution {
  ExecutionId id;
  TaskId task_id;
  OrganizationId organization_id;
  ExecutionId run_id;  // the id of the run's first execution
  int attempt = 1;     // 1 for the first of the run
  ExecutionStatus status = ExecutionStatus::pending;
  Time scheduled_for;
  std::optional<Time> started_at;  // when the request was sent
  std::optional<Time> finished_at;
  std::optional<int> status_code;
  std::optional<milliseconds> duration;
  std::optional<std::string> error_message;
};

struct ExecutionDetail {
  Execution execution;
  std::optional<std::string> response_body;  // as kept: text, cut and marked when it was too long
  Headers response_headers;
  Method request_method = Method::post;
  std::string request_url;
};

// What is set for one organisation; nullopt: no limit, and for the retention that of the server.
struct OrganizationLimits {
  std::optional<std::int64_t> monthly_executions = {};  // runs that may begin in a calendar month, UTC
  std::optional<seconds> min_cron_interval = {};        // between two occurrences of one schedule
  std::optional<std::int64_t> max_tasks = {};           // cron tasks that exist, enabled or not
  std::optional<seconds> retention = {};                // how long finished executions and tasks are kept

  friend bool operator==(const OrganizationLimits&, const OrganizationLimits&) = default;
};

struct Organization {
  OrganizationId id;
  std::string name;                          // unique
  std::vector<std::string> signing_secrets;  // "whsec_…", newest first, one or two
  Time inserted_at;
  std::optional<int> max_concurrent;  // executions that may run at once; nullopt: no cap
  OrganizationLimits limits = {};
  std::optional<Time> old_secret_until =
      {};  // no second secret signs from then on; nullopt: it stays until it is taken away
  // Whether channels are told when a task fails and recovers, where the task does not say so itself.
  bool notify_on_failure = true;
  bool notify_on_recovery = true;
};

using Digest = std::array<std::uint8_t, 32>;  // SHA-256

struct ApiKey {
  KeyId id;
  OrganizationId organization_id;
  std::string public_id;  // "pk_live_" and 24 characters: what names the key in lists and logs
  Digest secret_hash{};
  Time inserted_at;
  std::optional<Time> last_used_at;  // exact to five minutes
  std::optional<Time> revoked_at;
  std::string name = {};                // what its owner calls it; may be empty
  std::optional<Time> expires_at = {};  // not valid from then on
};

// A line of the audit log: who changed what.
struct AuditEntry {
  OrganizationId organization_id;
  Time at;
  std::string actor;    // "key pk_live_…", "cli", "system"
  std::string action;   // "task.disabled", …
  std::string subject;  // the id of the thing
  std::string detail;   // one sentence, secrets masked
  // JSON object: for each field that changed {"from":…,"to":…}, secrets masked and long values cut.
  std::string changes = "{}";
};

}  // namespace punctual
