// POST of /executions/:id/cancel, /executions/:id/retry and /executions/retry.
#include <algorithm>

#include "frontend/execution_json.hpp"
#include "frontend/field_checks.hpp"
#include "frontend/routes.hpp"
#include "frontend/task_input.hpp"

namespace punctual {

namespace {

constexpr const char* invalid = "is invalid";
constexpr std::size_t default_limit = 100;
constexpr std::int64_t max_limit = 1000;

StoredReply cancelled_reply(const Execution& execution) {
  return {execution.status == ExecutionStatus::running ? 202 : 200, execution_body(execution)};
}

StoredReply retry_reply(const StartedRun& run) { return started_run_reply(run, "Execution queued for retry"); }

StoredReply retried_reply(std::size_t count) {
  StoredReply reply{202, {}};
  JsonText json(reply.body);
  json.begin_object().key("data").begin_object();
  json.key("retried").number(static_cast<std::int64_t>(count)).end_object().end_object();
  return reply;
}

// Which executions to run again, read member by member; `problems` collects what is wrong.
class RetryFilterReading {
 public:
  explicit RetryFilterReading(const boost::json::object& members) {
    for (const auto& member : members) {
      if (!member.value().is_null() || !is_known(member.key())) read(member.key(), member.value());
    }
    if (!problems_.empty()) throw Invalid(std::move(problems_));
    if (filter_.statuses.empty()) {
      filter_.statuses = {ExecutionStatus::failed, ExecutionStatus::timeout, ExecutionStatus::missed};
    }
  }

  [[nodiscard]] const RetryFilter& filter() const { return filter_; }
  [[nodiscard]] std::size_t limit() const { return limit_; }

 private:
  static bool is_known(std::string_view key) {
    return key == "status" || key == "task_id" || key == "queue" || key == "since" || key == "until" || key == "limit";
  }

  void refuse(std::string_view key, const char* why) { problems_[std::string(key)] = {why}; }

  void read(std::string_view key, const boost::json::value& value) {
    if (key == "status") {
      read_statuses(value);
    } else if (key == "limit") {
      read_limit(value);
    } else if (!is_known(key)) {
      refuse(key, "is not a known field");
    } else if (!value.is_string()) {
      refuse(key, invalid);
    } else {
      read_text(key, std::string(value.get_string()));
    }
  }

  void read_text(std::string_view key, std::string text) {
    if (key == "queue") {
      if (!text.empty()) filter_.queue = std::move(text);
    } else if (key == "task_id") {
      filter_.task_id = TaskId::parse(text);
      if (!filter_.task_id) refuse(key, invalid);
    } else {
      auto& bound = key == "since" ? filter_.since : filter_.until;
      bound = parse_rfc3339(text);
      if (!bound) refuse(key, "must be a valid ISO 8601 datetime");
    }
  }

  void read_statuses(const boost::json::value& value) {
    if (!value.is_array()) return read_status(value);
    if (value.get_array().empty()) refuse("status", "can't be blank");
    for (const auto& one : value.get_array()) read_status(one);
  }

  // One that is named twice counts once.
  void read_status(const boost::json::value& value) {
    const auto status =
        value.is_string() ? parse_name<ExecutionStatus>(std::string_view(value.get_string())) : std::nullopt;
    auto& known = filter_.statuses;
    switch (status.value_or(ExecutionStatus::pending)) {
      case ExecutionStatus::failed:
      case ExecutionStatus::timeout:
      case ExecutionStatus::missed:
      case ExecutionStatus::cancelled:
        if (std::find(known.begin(), known.end(), *status) == known.end()) known.push_back(*status);
        break;
      default:
        refuse("status", invalid);
    }
  }

  void read_limit(const boost::json::value& value) {
    const auto number = whole_number(value);
    if (!number) return refuse("limit", invalid);
    if (*number < 1) return refuse("limit", "must be greater than or equal to 1");
    if (*number > max_limit) return refuse("limit", "must be less than or equal to 1000");
    limit_ = static_cast<std::size_t>(*number);
  }

  RetryFilter filter_;
  std::size_t limit_ = default_limit;
  Invalid::Fields problems_;
};

}  // namespace

Answer cancel_execution(const Call& call) {
  return answer_of(call.engine.cancel_execution(call.request(), id_of<ExecutionId>(call.parameter), cancelled_reply));
}

Answer retry_execution(const Call& call) {
  return answer_of(call.engine.retry_execution(call.request(), id_of<ExecutionId>(call.parameter), retry_reply));
}

Answer retry_executions(const Call& call) {
  const RetryFilterReading reading(read_object(call.body, {}));
  return answer_of(call.engine.retry_executions(call.request(), reading.filter(), reading.limit(), retried_reply));
}

}  // namespace punctual
