#include "frontend/task_fields.hpp"

#include <algorithm>
#include <array>

#include "frontend/api_error.hpp"
#include "frontend/delay_text.hpp"
#include "frontend/field_checks.hpp"
#include "frontend/json_source.hpp"

namespace punctual {

namespace {

using boost::json::value;

constexpr std::size_t max_url = 2048;
constexpr std::size_t max_name = 255;
constexpr std::size_t max_body = 262144;
constexpr std::size_t max_status_codes = 1024;
constexpr std::size_t max_body_pattern = 4096;
constexpr std::size_t max_cron = 1024;

constexpr const char* invalid = "is invalid";
constexpr const char* blank = "can't be blank";

// ---- What kinds of fields share. Each takes the member of TaskSpec it is for.

// nullptr: not a string, or not one that can be kept; refused already.
const boost::json::string* text_of(const value& given, FieldReading& reading) {
  const auto* text = given.if_string();
  if (text == nullptr || has_nul(*text)) {
    reading.refuse(invalid);
    return nullptr;
  }
  return text;
}

std::optional<std::string> checked_url(std::string_view text, std::string_view present, FieldReading& reading) {
  const auto url = trim_space(text);
  if (url == present) return std::string(url);  // what was accepted before can always be put back
  const auto has_blank = [](unsigned char c) { return c <= 0x20 || c == 0x7f; };
  auto problem = std::optional(TargetProblem::malformed);
  if (url.size() <= max_url && std::none_of(url.begin(), url.end(), has_blank)) {
    problem = reading.engine.check_target(url);
  }
  if (!problem) return std::string(url);
  reading.refuse(*problem == TargetProblem::refused ? "cannot target private or internal addresses"
                                                    : "must be a valid HTTP or HTTPS URL");
  return std::nullopt;
}

void read_url(const value& given, FieldReading& reading) {
  const auto* text = given.if_string();
  if (text == nullptr) return reading.refuse(invalid);
  if (trim_space(*text).empty()) return reading.refuse(blank);
  if (auto url = checked_url(*text, reading.spec.url, reading)) reading.spec.url = std::move(*url);
}

template <std::optional<std::string> TaskSpec::*member>
void read_other_url(const value& given, FieldReading& reading) {
  const auto* text = text_of(given, reading);
  if (text == nullptr) return;
  auto& present = reading.spec.*member;
  if (trim_space(*text).empty()) {
    present.reset();
  } else if (auto url = checked_url(*text, present.value_or(""), reading)) {
    present = std::move(*url);
  }
}

template <class E, E TaskSpec::*member>
void read_name_of(const value& given, FieldReading& reading) {
  const auto* text = given.if_string();
  const auto found = text == nullptr ? std::nullopt : parse_name<E>(*text);
  if (!found) return reading.refuse(invalid);
  reading.spec.*member = *found;
}

template <std::optional<bool> TaskSpec::*member>
void read_flag(const value& given, FieldReading& reading) {
  if (!given.is_bool()) return reading.refuse(invalid);
  reading.spec.*member = given.get_bool();
}

template <std::optional<seconds> TaskSpec::*member>
void read_span(const value& given, FieldReading& reading) {
  const auto [problem, span] = read_delay(given);
  switch (problem) {
    case DelayProblem::none:
      reading.spec.*member = span;
      return;
    case DelayProblem::not_positive:
    case DelayProblem::zero:
      return reading.refuse("must be greater than or equal to 1");
    case DelayProblem::too_long:
      return reading.refuse("must be less than or equal to " + std::to_string(longest_delay.count()));
    default:
      return reading.refuse(invalid);
  }
}

template <auto member>
void clear_member(TaskSpec& spec) {
  spec.*member = {};
}

// nullopt: refused already.
std::optional<std::int64_t> integer_within(const value& given, std::int64_t least, std::int64_t most,
                                           FieldReading& reading) {
  const auto number = whole_number(given);
  if (!number) {
    reading.refuse(invalid);
  } else if (*number > most) {
    reading.refuse("must be less than or equal to " + std::to_string(most));
  } else if (*number < least) {
    reading.refuse("must be greater than or equal to " + std::to_string(least));
  } else {
    return number;
  }
  return std::nullopt;
}

// ---- The fields that are like no other.

void read_name(const value& given, FieldReading& reading) {
  const auto* text = text_of(given, reading);
  if (text == nullptr) return;
  if (trim_space(*text).empty()) {
    if (!reading.creating) reading.refuse(blank);
    return;  // at creation the engine makes one
  }
  if (code_points(*text) > max_name) return reading.refuse(invalid);
  reading.spec.name = *text;
}

void read_task_headers(const value& given, FieldReading& reading) {
  const auto* object = given.if_object();
  if (object == nullptr) return reading.refuse(invalid);
  const auto source = has_numbers(*object) ? member_source(reading.source, reading.key) : std::string_view{};
  auto headers = read_headers(*object, source);
  if (!headers) return reading.refuse(invalid);
  reading.spec.headers = std::move(*headers);
}

void keep_body(std::string body, FieldReading& reading) {
  if (body.size() > max_body) return reading.refuse("must be less than 256KB");
  reading.spec.body = std::move(body);
}

void read_body(const value& given, FieldReading& reading) {
  if (given.is_string()) {
    keep_body(std::string(given.get_string()), reading);
  } else if (given.is_structured()) {
    read_json_body(member_source(reading.source, reading.key), reading);
  } else {
    reading.refuse(invalid);
  }
}

void read_cron(const value& given, FieldReading& reading) {
  const auto* text = given.if_string();
  if (text == nullptr) return reading.refuse(invalid);
  if (text->size() > max_cron || has_nul(*text)) return reading.refuse("is not a valid cron expression");
  reading.spec.cron_expression = *text;
  reading.cron_key = reading.key;
  reading.schedule_changed = true;
}

void read_timezone(const value& given, FieldReading& reading) {
  const auto* text = text_of(given, reading);
  if (text == nullptr) return;
  reading.spec.timezone = *text;
  reading.schedule_changed = true;
}

void read_task_delay(const value& given, FieldReading& reading) {
  const auto [problem, delay] = read_delay(given);
  if (problem != DelayProblem::none) throw ApiError(ErrorCode::invalid_delay, std::string(message_of(problem)));
  reading.delay = delay;
}

void read_run_at(const value& given, FieldReading& reading) {
  const auto* text = given.if_string();
  const auto time = text == nullptr ? std::nullopt : parse_rfc3339(*text);
  if (!time) throw ApiError(ErrorCode::invalid_run_at, "run_at must be a valid ISO 8601 datetime");
  const auto& present = reading.spec.scheduled_at;
  const auto shown = [](Time exact) { return std::chrono::floor<milliseconds>(exact); };
  if (!reading.creating && present && shown(*time) == shown(*present)) return;  // given back as it was shown
  const auto now = reading.engine.now();
  const auto latest = now + std::chrono::days{5 * 365 + 2};
  if (*time < now - seconds{300}) return reading.refuse("must be in the future");
  if (*time > latest) return reading.refuse("must be less than or equal to " + format_rfc3339(latest));
  reading.run_at =
      std::chrono::ceil<milliseconds>(*time);  // due times are whole milliseconds, and nothing is sent early
}

void read_schedule_type(const value& given, FieldReading& reading) {
  const auto* text = given.if_string();
  const auto type = text == nullptr ? std::nullopt : parse_name<ScheduleType>(*text);
  if (type != reading.spec.schedule_type) reading.refuse(invalid);
}

void read_timeout(const value& given, FieldReading& reading) {
  if (const auto number = integer_within(given, 1000, 300000, reading)) reading.spec.timeout = milliseconds{*number};
}

void read_retry_attempts(const value& given, FieldReading& reading) {
  if (const auto number = integer_within(given, 0, 10, reading)) {
    reading.spec.retry_attempts = static_cast<int>(*number);
  }
}

void read_status_code_list(const value& given, FieldReading& reading) {
  const auto* text = text_of(given, reading);
  if (text == nullptr) return;
  if (trim_space(*text).empty()) return reading.spec.expected_status_codes.reset();
  auto codes = text->size() > max_status_codes ? std::nullopt : read_status_codes(*text);
  if (!codes) return reading.refuse("must be comma-separated HTTP status codes (100-599)");
  reading.spec.expected_status_codes = std::move(*codes);
}

void read_body_pattern(const value& given, FieldReading& reading) {
  const auto* text = text_of(given, reading);
  if (text == nullptr) return;
  if (text->empty()) return reading.spec.expected_body_pattern.reset();
  if (text->size() > max_body_pattern) return reading.refuse(invalid);
  reading.spec.expected_body_pattern = std::string(*text);
}

void read_queue(const value& given, FieldReading& reading) {
  const auto* text = text_of(given, reading);
  if (text == nullptr) return;
  if (text->empty()) return reading.spec.queue.reset();
  if (code_points(*text) > max_queue_name) return reading.refuse(invalid);
  reading.spec.queue = std::string(*text);
}

void read_enabled(const value& given, FieldReading& reading) {
  if (!given.is_bool()) return reading.refuse(invalid);
  reading.spec.enabled = given.get_bool();
}

// ---- The table.

constexpr std::string_view url_schema = R"({"type":["string","null"],"format":"uri","maxLength":2048})";
constexpr std::string_view span_schema =
    R"({"oneOf":[{"type":"string","pattern":"^[0-9]+[smhd]$"},{"type":"integer","minimum":1},{"type":"null"}]})";
constexpr std::string_view flag_schema = R"({"type":["boolean","null"]})";
constexpr auto both = FieldScope::both;
constexpr auto clears = WhenNull::clears;
constexpr auto initial = WhenNull::initial;

constexpr std::array table{
    TaskField{"url", "", R"({"type":"string","format":"uri","maxLength":2048})", "", both, initial, read_url, nullptr,
              "Where the request goes: http or https"},
    TaskField{"name", "", R"({"type":"string","maxLength":255})", "", both, initial, read_name, nullptr,
              "Made from URL and time when there is none"},
    TaskField{"method", "", R"({"type":"string","enum":["GET","POST","PUT","PATCH","DELETE","HEAD","OPTIONS"]})", "",
              both, initial, read_name_of<Method, &TaskSpec::method>, nullptr, "POST by default, GET for cron tasks"},
    TaskField{"headers", "",
              R"({"type":["object","null"],"additionalProperties":{"type":["string","number","boolean"]}})", "{}", both,
              clears, read_task_headers, clear_member<&TaskSpec::headers>, "At most 64, together at most 16 KiB; numbers become the text they are written as"},
    TaskField{"body", "", R"({"type":["string","object","array","null"]})", R"("")", both, clears, read_body,
              clear_member<&TaskSpec::body>, "At most 262144 bytes; an object or array is sent as JSON, as it is written"},
    TaskField{"cron", "cron_expression", R"({"type":["string","null"]})", "null", FieldScope::cron, initial, read_cron,
              nullptr, "Five fields or a macro; makes it a cron task"},
    TaskField{"timezone", "", R"({"type":"string"})", R"("UTC")", FieldScope::cron, initial, read_timezone, nullptr,
              "IANA time zone of the cron expression"},
    TaskField{"delay", "", span_schema, "null", FieldScope::once, initial, read_task_delay, nullptr,
              "Due this long after now"},
    TaskField{"run_at", "scheduled_at", R"({"type":["string","null"],"format":"date-time"})", "null", FieldScope::once,
              initial, read_run_at, nullptr, "Due at this time"},
    TaskField{"schedule_type", "", R"({"type":"string","enum":["once","cron"]})", "", both, initial, read_schedule_type,
              nullptr, "Checked against the kind of the task"},
    TaskField{"timeout_ms", "", R"({"type":"integer","minimum":1000,"maximum":300000})", "30000", both, initial,
              read_timeout, nullptr, "Total time of one attempt"},
    TaskField{"retry_attempts", "", R"({"type":"integer","minimum":0,"maximum":10})", "", both, initial,
              read_retry_attempts, nullptr, "Attempts after the first: 5 by default, 0 for cron tasks"},
    TaskField{"retry_delay", "", span_schema, "null", both, clears, read_span<&TaskSpec::retry_delay>,
              clear_member<&TaskSpec::retry_delay>, "Base of the backoff; null: the server's setting"},
    TaskField{"retry_max_delay", "", span_schema, "null", both, clears, read_span<&TaskSpec::retry_max_delay>,
              clear_member<&TaskSpec::retry_max_delay>, "Cap of the backoff; null: the server's setting"},
    TaskField{"expires_in", "", span_schema, "null", both, clears, read_span<&TaskSpec::expires_in>,
              clear_member<&TaskSpec::expires_in>, "An attempt not sent within this of its due time is missed"},
    TaskField{"callback_url", "", url_schema, "null", both, clears, read_other_url<&TaskSpec::callback_url>,
              clear_member<&TaskSpec::callback_url>, "Told of every attempt"},
    TaskField{"on_failure_url", "", url_schema, "null", both, clears, read_other_url<&TaskSpec::on_failure_url>,
              clear_member<&TaskSpec::on_failure_url>, "Told when the task fails"},
    TaskField{"on_recovery_url", "", url_schema, "null", both, clears, read_other_url<&TaskSpec::on_recovery_url>,
              clear_member<&TaskSpec::on_recovery_url>, "Told when the task works again"},
    TaskField{"expected_status_codes", "", R"({"type":["string","null"],"maxLength":1024})", "null", both, clears,
              read_status_code_list, clear_member<&TaskSpec::expected_status_codes>,
              "Comma list of 100 to 599; null: every 2xx"},
    TaskField{"expected_body_pattern", "", R"({"type":["string","null"],"maxLength":4096})", "null", both, clears,
              read_body_pattern, clear_member<&TaskSpec::expected_body_pattern>, "Text the response must contain"},
    TaskField{"queue", "", R"({"type":["string","null"],"maxLength":255})", "null", both, clears, read_queue,
              clear_member<&TaskSpec::queue>, "A serial line; the empty text is none"},
    TaskField{"notify_on_failure", "", flag_schema, "null", both, clears, read_flag<&TaskSpec::notify_on_failure>,
              clear_member<&TaskSpec::notify_on_failure>, "null: the organisation's setting"},
    TaskField{"notify_on_recovery", "", flag_schema, "null", both, clears, read_flag<&TaskSpec::notify_on_recovery>,
              clear_member<&TaskSpec::notify_on_recovery>, "null: the organisation's setting"},
    TaskField{"enabled", "", R"({"type":"boolean"})", "true", FieldScope::cron, initial, read_enabled, nullptr,
              "Cron tasks only"},
    TaskField{"misfire", "", R"({"type":"string","enum":["skip","last","all"]})", R"("last")", FieldScope::cron,
              initial, read_name_of<Misfire, &TaskSpec::misfire>, nullptr,
              "What becomes of runs that nobody could make in time"},
    TaskField{"overlap", "", R"({"type":"string","enum":["allow","skip"]})", R"("allow")", FieldScope::cron, initial,
              read_name_of<Overlap, &TaskSpec::overlap>, nullptr,
              "Whether a run may begin while another has not ended"},
};

constexpr std::array<std::string_view, 6> read_only{
    "id", "next_run_at", "last_execution_at", "last_execution_status", "inserted_at", "updated_at"};

}  // namespace

bool needs_source(const boost::json::object& fields) {
  const auto* body = fields.if_contains("body");
  const auto* headers = fields.if_contains("headers");
  return (body != nullptr && body->is_structured()) ||
         (headers != nullptr && headers->is_object() && has_numbers(headers->get_object()));
}

void read_json_body(std::string_view source, FieldReading& reading) {
  std::string body;
  append_compact(body, source);
  keep_body(std::move(body), reading);
}

std::span<const TaskField> task_fields() { return table; }

const TaskField* find_task_field(std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const TaskField& field) {
    return field.name == name || (!field.alias.empty() && field.alias == name);
  });
  return found == table.end() ? nullptr : &*found;
}

bool is_read_only_task_key(std::string_view name) {
  return std::find(read_only.begin(), read_only.end(), name) != read_only.end();
}

std::span<const std::string_view> read_only_task_keys() { return read_only; }

}  // namespace punctual
