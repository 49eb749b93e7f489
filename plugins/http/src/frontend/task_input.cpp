#include "frontend/task_input.hpp"

#include <string>

#include "frontend/api_error.hpp"
#include "frontend/json_source.hpp"
#include "frontend/task_fields.hpp"

namespace punctual {

namespace {

constexpr std::size_t max_depth = 64;
constexpr const char* invalid = "is invalid";
constexpr const char* blank = "can't be blank";

bool decides_kind(const TaskField& field) {
  return field.name == "cron" || field.name == "delay" || field.name == "run_at";
}

// The field that says when the task runs; null: at once. Throws when there is more than one.
const TaskField* find_when(const boost::json::object& fields) {
  const TaskField* when = nullptr;
  std::string_view first;
  for (const auto& member : fields) {
    const auto* field = find_task_field(member.key());
    if (field == nullptr || !decides_kind(*field) || member.value().is_null()) continue;
    if (when != nullptr) {
      throw ApiError(ErrorCode::invalid_params, "only one of cron, delay and run_at can be given, not both " +
                                                    std::string(first) + " and " + std::string(member.key()));
    }
    when = field;
    first = member.key();
  }
  return when;
}

// A task is shown with its times under their older names. What is given back as it was shown says nothing, and must not stand
// in the way of a new time.
void drop_shown_times(boost::json::object& fields, const TaskSpec& present) {
  const auto text_of = [&](const char* key) -> std::optional<std::string_view> {
    const auto* given = fields.if_contains(key);
    if (given == nullptr || !given->is_string()) return std::nullopt;
    return std::string_view(given->get_string());
  };
  const auto expression = text_of("cron_expression");
  if (expression && expression == present.cron_expression) fields.erase("cron_expression");
  const auto time = parse_rfc3339(text_of("scheduled_at").value_or(""));
  if (time && present.scheduled_at && format_rfc3339(*time) == format_rfc3339(*present.scheduled_at)) {
    fields.erase("scheduled_at");
  }
}

bool fits_scope(const TaskField& field, ScheduleType type) {
  return field.scope == FieldScope::both || (field.scope == FieldScope::cron) == (type == ScheduleType::cron);
}

bool is_initial(const TaskField& field, const boost::json::value& given) {
  return boost::json::serialize(given) == field.initial;
}

// A one-time task that its target disabled (410) is shown with enabled false, and what was shown can be put back.
bool is_unchanged_flag(const TaskField& field, const boost::json::value& given, const FieldReading& reading) {
  return !reading.creating && field.name == "enabled" && given.is_bool() && given.get_bool() == reading.spec.enabled;
}

void read_null(const TaskField& field, FieldReading& reading) {
  if (field.when_null == WhenNull::clears) {
    field.clear(reading.spec);
  } else if (!reading.creating && field.scope != FieldScope::once) {
    reading.refuse(blank);
  }
}

void read_member(std::string_view key, const boost::json::value& given, FieldReading& reading) {
  reading.key = key;
  const auto* field = find_task_field(key);
  if (field == nullptr) {
    if (reading.creating || !is_read_only_task_key(key)) reading.refuse("is not a known field");
  } else if (!fits_scope(*field, reading.spec.schedule_type)) {
    if (!given.is_null() && !is_initial(*field, given) && !is_unchanged_flag(*field, given, reading)) {
      reading.refuse(invalid);
    }
  } else if (given.is_null()) {
    read_null(*field, reading);
  } else {
    field->read(given, reading);
  }
}

void check_schedule(FieldReading& reading) {
  if (!reading.schedule_changed) return;
  const auto& engine = reading.engine;
  const auto& expression = reading.spec.cron_expression;
  const auto& timezone = reading.spec.timezone;
  constexpr std::string_view valid = "@daily";
  auto problem = engine.check_schedule(expression ? std::string_view(*expression) : valid, timezone);
  if (problem == ScheduleProblem::invalid_expression) {
    reading.key = reading.cron_key.empty() ? "cron" : reading.cron_key;
    reading.refuse("is not a valid cron expression");
    problem = engine.check_schedule(valid, timezone);  // the zone may be wrong, too
  }
  if (problem != ScheduleProblem::unknown_timezone) return;
  reading.key = "timezone";
  reading.refuse("is not a known time zone");
}

void read_fields(const boost::json::object& fields, FieldReading& reading) {
  for (const auto& member : fields) read_member(member.key(), member.value(), reading);
  check_schedule(reading);
}

void make_cron(TaskSpec& spec) {
  spec.schedule_type = ScheduleType::cron;
  spec.method = Method::get;
  spec.retry_attempts = 0;
}

}  // namespace

boost::json::object read_object(std::string_view body, const boost::json::storage_ptr& memory) {
  if (body.empty()) return boost::json::object(memory);
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::error_code problem;
  auto parsed = boost::json::parse(body, problem, memory, options);
  if (problem) throw ApiError(ErrorCode::invalid_json, "The request body is not valid JSON");
  if (!parsed.is_object()) throw ApiError(ErrorCode::invalid_params, "The request body must be a JSON object");
  return std::move(parsed.get_object());
}

TaskObject read_task_object(std::string_view body, const boost::json::storage_ptr& memory) {
  auto object = read_object(body, memory);
  auto* wrapped = object.if_contains("task");
  if (wrapped == nullptr) return {std::move(object), body};
  Invalid::Fields problems;
  for (const auto& member : object) {
    if (member.key() != "task") problems[std::string(member.key())] = {"is not a known field"};
  }
  if (!wrapped->is_object()) problems["task"] = {invalid};
  if (!problems.empty()) throw Invalid(std::move(problems));
  auto& fields = wrapped->get_object();
  const auto source = needs_source(fields) ? member_source(body, "task") : std::string_view{};
  return {std::move(fields), source};
}

NewTask read_new_task(const boost::json::object& fields, std::string_view source, const Engine& engine) {
  const auto* when = find_when(fields);
  NewTask task;
  auto& spec = task.spec;
  if (when != nullptr && when->scope == FieldScope::cron) make_cron(spec);
  Invalid::Fields problems;
  FieldReading reading{.engine = engine, .spec = spec, .problems = problems, .source = source, .creating = true};
  read_fields(fields, reading);
  if (spec.url.empty() && !problems.contains("url")) problems["url"] = {blank};
  if (!problems.empty()) throw Invalid(std::move(problems));
  task.delay = reading.delay;
  spec.scheduled_at = reading.run_at;
  return task;
}

TaskSpec read_cron_task(const boost::json::object& fields, std::string_view source, const TaskSpec* present,
                        const Engine& engine) {
  const auto* when = find_when(fields);
  TaskSpec spec;
  if (present != nullptr) {
    spec = *present;
  } else {
    make_cron(spec);
  }
  Invalid::Fields problems;
  FieldReading reading{.engine = engine, .spec = spec, .problems = problems, .source = source};
  read_fields(fields, reading);
  const auto require = [&](const std::string& field, bool given) {
    if (!given && !problems.contains(field)) problems[field] = {blank};
  };
  require("name", fields.contains("name"));
  require("url", fields.contains("url"));
  const bool is_cron = when != nullptr && when->scope == FieldScope::cron;
  require("cron", is_cron || problems.contains("cron_expression"));
  if (!problems.empty()) throw Invalid(std::move(problems));
  return spec;
}

TaskChange read_task_change(boost::json::object& fields, std::string_view source, const Task& present,
                            const Engine& engine) {
  drop_shown_times(fields, present.spec);
  (void)find_when(fields);
  TaskSpec spec = present.spec;
  Invalid::Fields problems;
  FieldReading first{.engine = engine, .spec = spec, .problems = problems, .source = source};
  read_fields(fields, first);
  if (!problems.empty()) throw Invalid(std::move(problems));
  TaskChange change;
  change.moves_due_time = first.delay || first.run_at;
  change.delay = first.delay;
  // The time is settled now; a task that somebody else has changed meanwhile gets the other fields on top of that.
  change.apply = [&fields, source, &engine, run_at = first.run_at](const Task& task) {
    TaskSpec changed = task.spec;
    Invalid::Fields found;
    FieldReading reading{.engine = engine, .spec = changed, .problems = found, .source = source};
    read_fields(fields, reading);
    if (!found.empty()) throw Invalid(std::move(found));
    if (run_at) changed.scheduled_at = run_at;
    return changed;
  };
  return change;
}

}  // namespace punctual
