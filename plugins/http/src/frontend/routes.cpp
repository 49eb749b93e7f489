#include "frontend/routes.hpp"

#include <array>

namespace punctual {

namespace {

constexpr QueryParameter limit{"limit", R"({"type":"integer","minimum":1,"maximum":100,"default":50})",
                               "Rows of a page; out of range is brought to the nearest end"};
constexpr QueryParameter offset{"offset", R"({"type":"integer","minimum":0,"default":0})", "Rows to leave out"};
constexpr QueryParameter cursor{"cursor", R"({"type":"string"})", "next_cursor of the page before; offset is 0 then"};
constexpr QueryParameter status{
    "status", R"({"type":"string","enum":["pending","running","success","failed","timeout","missed","cancelled"]})",
    "Only with this status"};

constexpr std::array task_filters{
    limit,
    offset,
    cursor,
    QueryParameter{"queue", R"({"type":"string"})", "Only of this queue; \"none\": only without a queue"},
    QueryParameter{"schedule_type", R"({"type":"string","enum":["once","cron"]})", "Only of this kind"},
    status,
    QueryParameter{"q", R"({"type":"string"})", "Only names that begin with this text"}};

constexpr QueryParameter since{"since", R"({"type":"string","format":"date-time"})", "scheduled_for at or after"};
constexpr QueryParameter until{"until", R"({"type":"string","format":"date-time"})", "scheduled_for before"};
constexpr QueryParameter execution_queue{"queue", R"({"type":"string"})", "Only of this queue"};

constexpr std::array task_execution_filters{limit, offset, cursor, status, since, until};
constexpr std::array execution_filters{
    limit,
    offset,
    cursor,
    status,
    QueryParameter{"task_id", R"({"type":"string","format":"uuid"})", "Only of this task"},
    execution_queue,
    since,
    until};

constexpr std::array audit_filters{
    limit,
    offset,
    cursor,
    QueryParameter{"action", R"({"type":"string"})", "Only of this action, such as task.updated"},
    QueryParameter{"subject", R"({"type":"string"})", "Only of this task, key or queue"},
    QueryParameter{"since", R"({"type":"string","format":"date-time"})", "At or after this instant"},
    QueryParameter{"until", R"({"type":"string","format":"date-time"})", "Before this instant"}};

constexpr std::array queue_to_delete{QueryParameter{"queue", R"({"type":"string"})", "The queue; required"}};

constexpr std::array preview_parameters{
    QueryParameter{"expression", R"({"type":"string"})", "Five fields or a macro; required"},
    QueryParameter{"timezone", R"({"type":"string","default":"UTC"})", "IANA name"},
    QueryParameter{"from", R"({"type":"string","format":"date-time"})", "Instants strictly after this; default now"},
    QueryParameter{"count", R"({"type":"integer","minimum":1,"maximum":100,"default":5})", "How many"}};

constexpr std::string_view task_data =
    R"({"type":"object","properties":{"data":{"$ref":"#/components/schemas/Task"}}})";
constexpr std::array task_reply{ReplyNote{200, task_data}};
constexpr std::array create_replies{ReplyNote{201, R"({"type":"object","description":"A cron task","properties":{
      "data":{"$ref":"#/components/schemas/Task"},"message":{"type":"string"}}})"},
                                    ReplyNote{202, R"({"type":"object","description":"A one-time task","properties":{
      "data":{"type":"object","properties":{"task_id":{"type":"string","format":"uuid"},
        "execution_id":{"type":"string","format":"uuid"},"status":{"type":"string"},
        "scheduled_for":{"type":"string","format":"date-time"}}},
      "message":{"type":"string"}}})"}};
constexpr std::array trigger_reply{ReplyNote{202, R"({"type":"object","properties":{
      "data":{"type":"object","properties":{"execution_id":{"type":"string","format":"uuid"},
        "status":{"type":"string"},"scheduled_for":{"type":"string","format":"date-time"}}},
      "message":{"type":"string"}}})"}};
constexpr std::array no_content{ReplyNote{204, ""}};
constexpr std::array queue_reply{ReplyNote{200, R"({"type":"object","properties":{
      "data":{"type":"object","properties":{"cancelled":{"type":"integer"}}},"message":{"type":"string"}}})"}};
constexpr std::array task_page{ReplyNote{200, R"({"$ref":"#/components/schemas/TaskPage"})"}};
constexpr std::array execution_page{ReplyNote{200, R"({"$ref":"#/components/schemas/ExecutionPage"})"}};
constexpr std::array execution_reply{
    ReplyNote{200, R"({"type":"object","properties":{"data":{"$ref":"#/components/schemas/ExecutionDetail"}}})"}};
constexpr std::array audit_page{ReplyNote{200, R"({"$ref":"#/components/schemas/AuditPage"})"}};
constexpr std::array preview_reply{
    ReplyNote{200, R"({"type":"object","properties":{"data":{"type":"object","properties":{
      "expression":{"type":"string"},"timezone":{"type":"string"},
      "next":{"type":"array","items":{"type":"string","format":"date-time"}}}}}})"}};
constexpr std::string_view health_schema = R"({"type":"object","properties":{
      "status":{"type":"string"},"database":{"type":"string","enum":["connected","disconnected"]}}})";
constexpr std::array health_reply{ReplyNote{200, health_schema}};
constexpr std::array ready_replies{ReplyNote{200, health_schema}, ReplyNote{503, health_schema}};
constexpr std::array text_reply{ReplyNote{200, R"({"type":"string"})"}};
constexpr std::array object_reply{ReplyNote{200, R"({"type":"object"})"}};

constexpr auto none = BodyRule::none;
constexpr auto required = BodyRule::required;
constexpr auto json = ReplyFormat::json;
constexpr auto text = ReplyFormat::text;

constexpr std::array table{
    Route{"GET", "/api/v1/tasks", Access::key, none, json, list_tasks, "List tasks", task_filters, task_page},
    Route{"POST", "/api/v1/tasks", Access::key, required, json, create_task, "Create a task", {}, create_replies},
    Route{"DELETE", "/api/v1/tasks", Access::key, none, json, delete_queue, "Cancel the tasks of a queue",
          queue_to_delete, queue_reply},
    Route{"GET", "/api/v1/tasks/:id", Access::key, none, json, show_task, "Show a task", {}, task_reply},
    Route{"PUT", "/api/v1/tasks/:id", Access::key, required, json, change_task, "Change a task", {}, task_reply},
    Route{"PATCH", "/api/v1/tasks/:id", Access::key, required, json, change_task, "Change a task", {}, task_reply},
    Route{"DELETE", "/api/v1/tasks/:id", Access::key, none, json, delete_task, "Delete a task", {}, no_content},
    Route{"POST",
          "/api/v1/tasks/:id/trigger",
          Access::key,
          none,
          json,
          trigger_task,
          "Run a task now",
          {},
          trigger_reply},
    Route{"GET", "/api/v1/tasks/:id/executions", Access::key, none, json, list_task_executions,
          "List the executions of a task", task_execution_filters, execution_page},
    Route{"GET", "/api/v1/executions", Access::key, none, json, list_executions, "List executions", execution_filters,
          execution_page},
    Route{"GET",
          "/api/v1/executions/:id",
          Access::key,
          none,
          json,
          show_execution,
          "Show an execution",
          {},
          execution_reply},
    Route{"GET",
          "/api/v1/audit",
          Access::key,
          none,
          json,
          list_audit,
          "List what was changed, by whom, newest first",
          audit_filters,
          audit_page},
    Route{"GET", "/api/v1/cron/preview", Access::key, none, json, preview_cron, "When a cron expression comes due",
          preview_parameters, preview_reply},
    Route{"GET", "/api/v1/openapi", Access::open, none, json, show_openapi, "This document", {}, object_reply},
    Route{"GET", "/api/v1/docs", Access::open, none, text, show_docs, "This document as a page", {}, text_reply},
    Route{"GET", "/health", Access::probe, none, json, show_health, "Whether the process is up", {}, health_reply},
    Route{"GET",
          "/ready",
          Access::probe,
          none,
          json,
          show_readiness,
          "Whether requests can be served",
          {},
          ready_replies},
    Route{"GET",
          "/metrics",
          Access::probe,
          none,
          text,
          show_metrics,
          "Metrics in the Prometheus text format",
          {},
          text_reply},
};

std::string_view take_segment(std::string_view& rest) {
  rest.remove_prefix(1);  // '/'
  const auto end = rest.find('/');
  const auto segment = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::string_view& parameter) {
  while (!pattern.empty() && !path.empty()) {
    const auto wanted = take_segment(pattern);
    const auto given = take_segment(path);
    if (wanted.starts_with(':')) {
      if (given.empty()) return false;
      parameter = given;
    } else if (wanted != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Route> routes() { return table; }

std::string allowed_methods(std::string_view path) {
  std::string allow;
  for (const auto& route : table) {
    std::string_view parameter;
    if (!matches(route.path, path, parameter)) continue;
    allow += route.method;
    allow += route.method == "GET" ? ", HEAD, " : ", ";
  }
  if (!allow.empty()) allow += "OPTIONS";
  return allow;
}

RouteMatch match_route(std::string_view method, std::string_view path) {
  if (!path.starts_with('/')) return {};
  const auto wanted = method == "HEAD" ? std::string_view("GET") : method;
  for (const auto& route : table) {
    std::string_view parameter;
    if (route.method == wanted && matches(route.path, path, parameter)) return {&route, parameter, {}};
  }
  return {nullptr, {}, allowed_methods(path)};
}

}  // namespace punctual
