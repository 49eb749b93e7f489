// The fields of a task as clients give them: one table that creation, change and the OpenAPI document are made from. To add a
// field, add a line to the table in task_fields.cpp (and one to task_json.cpp, so that it is shown).
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "punctual/engine.hpp"

namespace punctual {

inline constexpr std::size_t max_queue_name = 255;  // characters

// One set of fields, the members of an object, on its way into a TaskSpec. Problems gather, so that a client learns of all of them at once.
struct FieldReading {
  const Engine& engine;
  TaskSpec& spec;
  Invalid::Fields& problems;
  std::string_view source = {};  // text of the object, where needs_source says so
  bool creating = false;
  std::string_view key = {};       // of the field being read, as the client wrote it
  std::string_view cron_key = {};  // the same, of the cron expression, once it has been read
  bool schedule_changed = false;   // cron expression or time zone were read
  std::optional<seconds> delay = std::nullopt;
  std::optional<Time> run_at = std::nullopt;

  void refuse(std::string problem) { problems[std::string(key)].push_back(std::move(problem)); }
};

enum class FieldScope : std::uint8_t {
  both,
  cron,  // on a one-time task only its initial value is accepted, and ignored
  once,  // on a cron task only null is accepted, and ignored
};

enum class WhenNull : std::uint8_t {
  clears,   // removes the value
  initial,  // the initial value at creation; in a change "can't be blank"
};

struct TaskField {
  std::string_view name;
  std::string_view alias;    // its older name, or ""
  std::string_view schema;   // JSON Schema, an object
  std::string_view initial;  // JSON; "" for required or worked out
  FieldScope scope;
  WhenNull when_null;
  // Takes a value that is not null, and fits the scope. Throws ApiError for what is wrong with the request as a whole.
  void (*read)(const boost::json::value& value, FieldReading& reading);
  void (*clear)(TaskSpec& spec);  // for WhenNull::clears
  std::string_view description;
};

// Whether reading these fields takes their text, beside what they were parsed to (json_source.hpp).
[[nodiscard]] bool needs_source(const boost::json::object& fields);

// Takes JSON, as it was written, as the body.
void read_json_body(std::string_view source, FieldReading& reading);

[[nodiscard]] std::span<const TaskField> task_fields();
// By name or alias; null: no such field.
[[nodiscard]] const TaskField* find_task_field(std::string_view name);
// Keys of a task's JSON that a client gives back but cannot set.
[[nodiscard]] bool is_read_only_task_key(std::string_view name);
[[nodiscard]] std::span<const std::string_view> read_only_task_keys();

}  // namespace punctual
