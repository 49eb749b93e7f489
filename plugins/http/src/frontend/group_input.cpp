#include "frontend/group_input.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "frontend/api_error.hpp"
#include "frontend/field_checks.hpp"
#include "frontend/json_source.hpp"
#include "frontend/task_fields.hpp"
#include "frontend/task_input.hpp"

namespace punctual {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr std::size_t max_tasks = 1000;
constexpr const char* invalid = "is invalid";
constexpr const char* unknown = "is not a known field";

// What the items of a batch share, beside the older names of these.
constexpr std::array<std::string_view, 9> shared_fields{
    "url", "queue", "method", "headers", "delay", "run_at", "timeout_ms", "retry_attempts", "callback_url"};

std::string place_of(std::string_view list, std::size_t index) {
  return std::string(list) + '[' + std::to_string(index) + ']';
}

// The field of a task that a request is refused for as a whole when it is about that one task.
std::string_view field_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_delay:
      return ".delay";
    case ErrorCode::invalid_run_at:
      return ".run_at";
    default:
      return "";
  }
}

void add(Invalid::Fields& problems, const std::string& field, std::string_view problem) {
  problems[field].emplace_back(problem);
}

// Runs `read` for what stands at a place; what is wrong there is added to `problems` under that place.
template <class Read>
void read_at(const std::string& place, Invalid::Fields& problems, Read read) {
  try {
    read();
  } catch (const ApiError& problem) {
    add(problems, place + std::string(field_of(problem.code)), problem.message);
  } catch (const Invalid& problem) {
    for (const auto& [field, texts] : problem.fields()) {
      std::string key = place;
      key.append(1, '.').append(field);
      auto& all = problems[key];
      all.insert(all.end(), texts.begin(), texts.end());
    }
  }
}

// The list that a batch is made of. Throws when it is none that can be.
const array& list_of(const value* given, const std::string& name) {
  const auto* list = given == nullptr ? nullptr : given->if_array();
  if (list == nullptr) throw ApiError(ErrorCode::invalid_params, name + " must be a list");
  if (list->empty()) throw ApiError(ErrorCode::invalid_params, name + " must not be empty");
  if (list->size() > max_tasks) {
    throw ApiError(ErrorCode::invalid_params, name + " must not exceed " + std::to_string(max_tasks) + " elements");
  }
  return *list;
}

bool is_blank(const value* given) {
  return given == nullptr || given->is_null() || (given->is_string() && trim_space(given->get_string()).empty());
}

// ---- A batch of items: one task for each, alike but for the body.

bool is_shared(std::string_view key) {
  if (key == "schedule_type") return true;
  const auto* field = find_task_field(key);
  return field != nullptr && std::find(shared_fields.begin(), shared_fields.end(), field->name) != shared_fields.end();
}

// What all tasks of the batch have in common.
NewTask read_shared(const object& fields, std::string_view source, const Engine& engine, Invalid::Fields& problems) {
  object shared(fields.storage());
  for (const auto& member : fields) {
    if (is_shared(member.key())) {
      shared.emplace(member.key(), member.value());
    } else if (member.key() != "items") {
      add(problems, std::string(member.key()), unknown);
    }
  }
  try {
    return read_new_task(shared, source, engine);
  } catch (const Invalid& problem) {
    problems.insert(problem.fields().begin(), problem.fields().end());
    return {};
  }
}

std::vector<NewTask> read_items(const object& fields, std::string_view source, const value* given,
                                const Engine& engine) {
  const array& items = list_of(given, "items");
  if (is_blank(fields.if_contains("url"))) throw ApiError(ErrorCode::invalid_params, "url is required");
  Invalid::Fields problems;
  const NewTask shared = read_shared(fields, source, engine, problems);
  std::vector<NewTask> tasks(items.size(), shared);
  ElementSources sources(source, "items");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto place = place_of("items", i);
    FieldReading reading{.engine = engine, .spec = tasks[i].spec, .problems = problems, .creating = true, .key = place};
    // Text is the body as it is, anything else is sent as JSON.
    if (items[i].is_string()) {
      find_task_field("body")->read(items[i], reading);
    } else {
      read_json_body(sources.at(i), reading);
    }
  }
  if (!problems.empty()) throw Invalid(std::move(problems));
  return tasks;
}

// ---- A batch of whole tasks.

std::vector<NewTask> read_tasks(const object& fields, std::string_view source, const value* given,
                                const Engine& engine) {
  const array& items = list_of(given, "tasks");
  Invalid::Fields problems;
  for (const auto& member : fields) {
    if (member.key() != "tasks") add(problems, std::string(member.key()), unknown);
  }
  std::vector<NewTask> tasks;
  tasks.reserve(items.size());
  ElementSources sources(source, "tasks");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto place = place_of("tasks", i);
    const auto* task = items[i].if_object();
    if (task == nullptr) {
      add(problems, place, invalid);
      continue;
    }
    const auto text = needs_source(*task) ? sources.at(i) : std::string_view{};
    read_at(place, problems, [&] { tasks.push_back(read_new_task(*task, text, engine)); });
  }
  if (!problems.empty()) throw Invalid(std::move(problems));
  return tasks;
}

// ---- A sync.

// Absent and null are the same: what the list is about is left alone.
const value* given_list(const object& fields, std::string_view name) {
  const auto* given = fields.if_contains(name);
  return given == nullptr || given->is_null() ? nullptr : given;
}

bool read_delete_removed(const object& fields, Invalid::Fields& problems) {
  const auto* given = fields.if_contains("delete_removed");
  if (given == nullptr || given->is_null()) return false;
  if (given->is_bool()) return given->get_bool();
  add(problems, "delete_removed", invalid);
  return false;
}

void refuse_unbuilt(const value* given, const std::string& name, Invalid::Fields& problems) {
  if (given == nullptr) return;
  if (!given->is_array()) {
    add(problems, name, invalid);
  } else if (!given->get_array().empty()) {
    add(problems, name, "is not supported yet");
  }
}

class SyncReading {
 public:
  SyncReading(const Engine& engine, Invalid::Fields& problems) : engine_(engine), problems_(problems) {}

  // `sources`: of the elements of `given`.
  void read(const value& given, ElementSources sources) {
    const auto* items = given.if_array();
    if (items == nullptr) return add(problems_, "tasks", invalid);
    if (items->size() > max_tasks) {
      return add(problems_, "tasks", "must not exceed " + std::to_string(max_tasks) + " elements");
    }
    for (std::size_t i = 0; i < items->size(); ++i) {
      const auto place = place_of("tasks", i);
      const auto* fields = (*items)[i].if_object();
      if (fields == nullptr) {
        add(problems_, place, invalid);
      } else {
        read_task(*fields, needs_source(*fields) ? sources.at(i) : std::string_view{}, place);
      }
    }
  }

  [[nodiscard]] std::vector<SyncTask> take() { return std::move(tasks_); }

 private:
  void read_task(const object& fields, std::string_view source, const std::string& place) {
    read_at(place, problems_, [&] {
      auto name = read_cron_task(fields, source, nullptr, engine_).name;
      if (!names_.insert(name).second) throw Invalid("name", "has already been taken");
      tasks_.push_back({std::move(name), [&fields, source, &engine = engine_](const TaskSpec* present) {
                          return read_cron_task(fields, source, present, engine);
                        }});
    });
  }

  const Engine& engine_;
  Invalid::Fields& problems_;
  std::set<std::string> names_;
  std::vector<SyncTask> tasks_;
};

}  // namespace

std::vector<NewTask> read_batch(const object& fields, std::string_view source, const Engine& engine) {
  const auto* tasks = fields.if_contains("tasks");
  const auto* items = fields.if_contains("items");
  if (tasks != nullptr && items != nullptr) {
    throw ApiError(ErrorCode::invalid_params, "only one of items and tasks can be given");
  }
  return tasks != nullptr ? read_tasks(fields, source, tasks, engine) : read_items(fields, source, items, engine);
}

TaskSync read_sync(const object& fields, std::string_view source, const Engine& engine) {
  const auto* tasks = given_list(fields, "tasks");
  const auto* monitors = given_list(fields, "monitors");
  const auto* endpoints = given_list(fields, "endpoints");
  if (tasks == nullptr && monitors == nullptr && endpoints == nullptr) {
    throw ApiError(ErrorCode::bad_request, "at least one of tasks, monitors and endpoints is required");
  }
  Invalid::Fields problems;
  constexpr std::array<std::string_view, 4> known{"tasks", "monitors", "endpoints", "delete_removed"};
  for (const auto& member : fields) {
    const std::string key(member.key());
    if (std::find(known.begin(), known.end(), key) == known.end()) add(problems, key, unknown);
  }
  TaskSync sync;
  sync.remove_others = read_delete_removed(fields, problems) && tasks != nullptr;
  refuse_unbuilt(monitors, "monitors", problems);
  refuse_unbuilt(endpoints, "endpoints", problems);
  SyncReading reading(engine, problems);
  if (tasks != nullptr) reading.read(*tasks, {source, "tasks"});
  if (!problems.empty()) throw Invalid(std::move(problems));
  sync.tasks = reading.take();
  return sync;
}

}  // namespace punctual
