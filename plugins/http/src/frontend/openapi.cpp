#include "frontend/openapi.hpp"

#include <algorithm>

#include "frontend/audit_json.hpp"
#include "frontend/execution_json.hpp"
#include "frontend/json_text.hpp"
#include "frontend/queue_json.hpp"
#include "frontend/routes.hpp"
#include "frontend/task_fields.hpp"
#include "frontend/task_json.hpp"
#include "punctual/version.h"

namespace punctual {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

value schema_of(std::string_view text) { return boost::json::parse(text); }

object reference(std::string_view name) { return {{"$ref", "#/components/schemas/" + std::string(name)}}; }

template <class T>
void add_keys(object& properties, std::span<const JsonKey<T>> keys) {
  for (const auto& key : keys) properties[key.name] = schema_of(key.schema);
}

object shape(object properties) { return {{"type", "object"}, {"properties", std::move(properties)}}; }

object page_schema(std::string_view item) {
  return shape({{"data", object{{"type", "array"}, {"items", reference(item)}}},
                {"has_more", object{{"type", "boolean"}}},
                {"limit", object{{"type", "integer"}}},
                {"offset", object{{"type", "integer"}}},
                {"next_cursor", object{{"type", array{"string", "null"}}}}});
}

std::string_view scope_note(FieldScope scope) {
  switch (scope) {
    case FieldScope::cron:
      return " (cron tasks)";
    case FieldScope::once:
      return " (one-time tasks)";
    case FieldScope::both:
      break;
  }
  return "";
}

object task_field_schemas() {
  object properties;
  for (const auto& field : task_fields()) {
    auto schema = schema_of(field.schema).as_object();
    if (!field.initial.empty()) schema["default"] = schema_of(field.initial);
    schema["description"] = std::string(field.description) + std::string(scope_note(field.scope));
    if (!field.alias.empty()) {
      auto older = schema;
      older["deprecated"] = true;
      older["description"] = "Older name of " + std::string(field.name);
      properties[field.alias] = std::move(older);
    }
    properties[field.name] = std::move(schema);
  }
  return properties;
}

object new_task_schema() {
  object schema{{"type", "object"}, {"properties", task_field_schemas()}, {"additionalProperties", false}};
  schema["required"] = array{"url"};
  schema["description"] =
      "At most one of cron, delay and run_at; none: at once. null takes the default. May be wrapped in {\"task\":…}.";
  return schema;
}

object task_change_schema() {
  object properties = task_field_schemas();
  for (const auto& name : read_only_task_keys()) properties[name] = object{{"description", "Ignored"}};
  object schema{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  schema["description"] =
      "Only the fields that are given change; what GET gave can be put back. null clears a field that has no default, "
      "and is refused for one that has. May be wrapped in {\"task\":…}.";
  return schema;
}

object sync_report_schema() {
  const object names{{"type", "array"}, {"items", object{{"type", "string"}}}};
  const object count{{"type", "integer"}};
  return shape({{"created", names},
                {"updated", names},
                {"deleted", names},
                {"created_count", count},
                {"updated_count", count},
                {"deleted_count", count}});
}

object error_schema() {
  return schema_of(R"({"type":"object","required":["error"],"properties":{"error":{"type":"object",
    "required":["code","message"],"properties":{"code":{"type":"string"},"message":{"type":"string"},
    "details":{"type":"object","additionalProperties":{"type":"array","items":{"type":"string"}}}}}}})")
      .as_object();
}

object schemas() {
  object task;
  add_keys(task, task_keys());
  object execution;
  add_keys(execution, execution_keys());
  object detail = execution;
  add_keys(detail, execution_detail_keys());
  object queue;
  add_keys(queue, queue_keys());
  object audit;
  add_keys(audit, audit_keys());
  return {{"Task", shape(std::move(task))},
          {"NewTask", new_task_schema()},
          {"TaskChange", task_change_schema()},
          {"TaskPage", page_schema("Task")},
          {"SyncReport", sync_report_schema()},
          {"Execution", shape(std::move(execution))},
          {"ExecutionPage", page_schema("Execution")},
          {"ExecutionDetail", shape(std::move(detail))},
          {"Queue", shape(std::move(queue))},
          {"AuditEntry", shape(std::move(audit))},
          {"AuditPage", page_schema("AuditEntry")},
          {"Error", error_schema()}};
}

object json_content(value schema) { return {{"application/json", object{{"schema", std::move(schema)}}}}; }

object responses_of(const Route& route) {
  object out;
  for (const auto& reply : route.replies) {
    object response{{"description", reply.status < 300 ? "Done" : "Not now"}};
    if (!reply.schema.empty() && route.format == ReplyFormat::json) {
      response["content"] = json_content(schema_of(reply.schema));
    } else if (!reply.schema.empty()) {
      response["content"] = object{{"text/plain", object{{"schema", schema_of(reply.schema)}}}};
    }
    out[std::to_string(reply.status)] = std::move(response);
  }
  out["default"] = object{{"description", "An error"}, {"content", json_content(reference("Error"))}};
  return out;
}

// "/tasks/:id" → "/tasks/{id}", with the names of its parameters.
std::string template_of(std::string_view path, array& parameters) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    if (path[at] != ':') {
      out += path[at++];
      continue;
    }
    const auto end = std::min(path.find('/', at), path.size());
    const std::string name(path.substr(at + 1, end - at - 1));
    out += '{' + name + '}';
    parameters.push_back(
        object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", object{{"type", "string"}}}});
    at = end;
  }
  return out;
}

void add_route(object& paths, const Route& route) {
  array parameters;
  const auto path = template_of(route.path, parameters);
  for (const auto& parameter : route.query) {
    parameters.push_back(object{{"name", parameter.name},
                                {"in", "query"},
                                {"required", parameter.required},
                                {"schema", schema_of(parameter.schema)},
                                {"description", parameter.description}});
  }
  if (route.access == Access::key && route.method != "GET") {
    parameters.push_back(object{{"name", "Idempotency-Key"},
                                {"in", "header"},
                                {"schema", object{{"type", "string"}, {"maxLength", 255}}},
                                {"description", "Makes a repeated request happen once, for 24 hours"}});
  }
  object operation{{"summary", route.summary}, {"responses", responses_of(route)}};
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  if (route.body != BodyRule::none) {
    value schema = reference(route.method == "POST" ? "NewTask" : "TaskChange");
    if (!route.request.empty()) schema = schema_of(route.request);
    operation["requestBody"] =
        object{{"required", route.body == BodyRule::required}, {"content", json_content(std::move(schema))}};
  }
  if (route.access != Access::key) operation["security"] = array{};
  std::string method(route.method);
  std::transform(method.begin(), method.end(), method.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  auto& entry = paths[path];
  if (!entry.is_object()) entry = object{};
  entry.as_object()[method] = std::move(operation);
}

}  // namespace

std::string openapi_document() {
  object paths;
  for (const auto& route : routes()) add_route(paths, route);
  const object document{
      {"openapi", "3.1.0"},
      {"info", object{{"title", "Punctual"}, {"version", PUNCTUAL_VERSION}}},
      {"security", array{object{{"key", array{}}}}},
      {"paths", std::move(paths)},
      {"components", object{{"schemas", schemas()},
                            {"securitySchemes", object{{"key", object{{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  std::string out;
  append_json(out, document);
  return out;
}

}  // namespace punctual
