#include "frontend/openapi.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "frontend/api_error.hpp"
#include "frontend/audit_json.hpp"
#include "frontend/channel_json.hpp"
#include "frontend/execution_json.hpp"
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
  auto schema = schema_of(R"({"type":"object","required":["code","message"],"properties":{
    "code":{"type":"string"},"message":{"type":"string"},
    "details":{"type":"object","description":"With validation_error: what is wrong, by field",
      "additionalProperties":{"type":"array","items":{"type":"string"}}}}})");
  array names;
  for (const auto& entry : error_codes()) names.emplace_back(entry.name);
  schema.at("properties").at("code").as_object()["enum"] = std::move(names);
  object whole = shape({{"error", std::move(schema)}});
  whole["required"] = array{"error"};
  return whole;
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
  object channel;
  add_keys(channel, channel_keys());
  object notice;
  add_keys(notice, notice_keys());
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
          {"Channel", shape(std::move(channel))},
          {"Notice", shape(std::move(notice))},
          {"NoticePage", page_schema("Notice")},
          {"AuditEntry", shape(std::move(audit))},
          {"AuditPage", page_schema("AuditEntry")},
          {"Error", error_schema()}};
}

object json_content(value schema) { return {{"application/json", object{{"schema", std::move(schema)}}}}; }

object error_response(std::string_view description) {
  return {{"description", description}, {"content", json_content(reference("Error"))}};
}

// One for each status that errors have, described by its codes.
object error_responses() {
  std::map<int, std::string> descriptions;
  for (const auto& entry : error_codes()) {
    auto& text = descriptions[entry.status];
    if (!text.empty()) text += ", ";
    text += entry.name;
  }
  object out;
  for (const auto& [status, text] : descriptions) out[std::to_string(status)] = error_response(text);
  return out;
}

// What errors a route can answer with by its kind. Its own are in its replies.
std::set<int> error_statuses(const Route& route) {
  std::set<int> out;
  if (route.access == Access::key) out.insert(401);
  if (route.access != Access::probe) out.insert({429, 503});
  if (route.format == ReplyFormat::json) out.insert(406);
  if (!route.query.empty()) out.insert(400);
  if (route.path.find(':') != std::string_view::npos) out.insert(404);
  if (route.method != "GET") out.insert({400, 409, 413, 415, 422});
  if (route.body == BodyRule::required) out.insert(411);
  return out;
}

object responses_of(const Route& route) {
  object out;
  auto errors = error_statuses(route);
  for (const auto& reply : route.replies) {
    if (reply.status >= 400 && reply.schema.empty()) {
      errors.insert(reply.status);
      continue;
    }
    object response{{"description", reply.status < 300 ? "Done" : "Not now"}};
    if (!reply.schema.empty() && route.format == ReplyFormat::json) {
      response["content"] = json_content(schema_of(reply.schema));
    } else if (!reply.schema.empty()) {
      response["content"] = object{{"text/plain", object{{"schema", schema_of(reply.schema)}}}};
    }
    out[std::to_string(reply.status)] = std::move(response);
  }
  for (const int status : errors) {
    const auto name = std::to_string(status);
    out[name] = object{{"$ref", "#/components/responses/" + name}};
  }
  out["default"] = error_response("Another error");
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
                            {"responses", error_responses()},
                            {"securitySchemes", object{{"key", object{{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return boost::json::serialize(document);
}

}  // namespace punctual
