#include "frontend/routes.hpp"

#include <array>

namespace punctual {

namespace {

constexpr QueryParameter limit{"limit", R"({"type":"integer","minimum":1,"maximum":100,"default":50})",
                               "Rows of a page; out of range is brought to the nearest end"};
constexpr QueryParameter offset{"offset", R"({"type":"integer","minimum":0,"default":0})", "Rows to leave out"};
constexpr QueryParameter cursor{"cursor", R"({"type":"string"})", "next_cursor of the page before; offset is 0 then"};
constexpr std::string_view status_schema =
    R"({"type":"string","enum":["pending","running","success","failed","timeout","missed","cancelled"]})";
constexpr QueryParameter status{"status", status_schema, "Only with this status"};

constexpr std::array task_filters{
    limit,
    offset,
    cursor,
    QueryParameter{"queue", R"({"type":"string"})", "Only of this queue; \"none\": only without a queue"},
    QueryParameter{"schedule_type", R"({"type":"string","enum":["once","cron"]})", "Only of this kind"},
    QueryParameter{"status", status_schema,
                   "Only tasks whose last execution ended so; pending: only tasks that were never executed"},
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

constexpr std::array queue_to_delete{QueryParameter{"queue", R"({"type":"string"})", "The queue", true}};

constexpr std::array preview_parameters{
    QueryParameter{"expression", R"({"type":"string"})", "Five fields or a macro", true},
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
constexpr std::string_view batch_request = R"({"oneOf":[
      {"type":"object","additionalProperties":false,"required":["url","items"],
       "description":"One task for each item, alike but for the body: text as it is, anything else as JSON",
       "properties":{"url":{"type":"string","format":"uri","maxLength":2048},
         "items":{"type":"array","minItems":1,"maxItems":1000,"items":{}},
         "queue":{"type":["string","null"],"maxLength":255},"method":{"type":"string"},"headers":{"type":["object","null"]},
         "delay":{"type":["string","integer","null"]},"run_at":{"type":["string","null"],"format":"date-time"},
         "timeout_ms":{"type":"integer","minimum":1000,"maximum":300000},
         "retry_attempts":{"type":"integer","minimum":0,"maximum":10},
         "callback_url":{"type":["string","null"],"format":"uri"}}},
      {"type":"object","additionalProperties":false,"required":["tasks"],"properties":{
         "tasks":{"type":"array","minItems":1,"maxItems":1000,"items":{"$ref":"#/components/schemas/NewTask"}}}}]})";
constexpr std::array batch_reply{ReplyNote{201, R"({"type":"object","properties":{
      "data":{"type":"object","properties":{
        "queue":{"type":["string","null"],"description":"null: none, or not the same for all"},
        "created":{"type":"integer"},
        "scheduled_for":{"type":["string","null"],"format":"date-time","description":"null: not the same for all"},
        "tasks":{"type":"array","description":"In the order given","items":{"type":"object","properties":{
          "task_id":{"type":"string","format":"uuid"},
          "execution_id":{"type":["string","null"],"format":"uuid","description":"null: a cron task"}}}}}},
      "message":{"type":"string"}}})"}};
constexpr std::string_view sync_request = R"({"type":"object","additionalProperties":false,
      "description":"At least one of tasks, monitors and endpoints; what is absent is left alone",
      "properties":{
        "tasks":{"type":"array","maxItems":1000,"description":"Cron tasks, matched by name","items":{
          "allOf":[{"$ref":"#/components/schemas/TaskChange"}],"required":["name","url","cron"]}},
        "monitors":{"type":"array","maxItems":0},"endpoints":{"type":"array","maxItems":0},
        "delete_removed":{"type":"boolean","default":false,"description":"Delete what is not in a list that is given"}}})";
constexpr std::array sync_replies{ReplyNote{200, R"({"type":"object","properties":{
      "data":{"type":"object","description":"tasks, monitors, endpoints; what was done to tasks stands at the top as well",
        "properties":{"tasks":{"$ref":"#/components/schemas/SyncReport"},
          "monitors":{"$ref":"#/components/schemas/SyncReport"},"endpoints":{"$ref":"#/components/schemas/SyncReport"}}},
      "message":{"type":"string"}}})"}};
constexpr std::array no_content{ReplyNote{204, ""}};
constexpr std::array queue_reply{ReplyNote{200, R"({"type":"object","properties":{
      "data":{"type":"object","properties":{"cancelled":{"type":"integer"}}},"message":{"type":"string"}}})"}};
constexpr std::array list_of_queues{ReplyNote{200, R"({"type":"object","properties":{
      "data":{"type":"array","items":{"$ref":"#/components/schemas/Queue"}}}})"}};
constexpr std::array one_queue{
    ReplyNote{200, R"({"type":"object","properties":{"data":{"$ref":"#/components/schemas/Queue"}}})"}};
constexpr std::string_view queue_request = R"({"type":"object","additionalProperties":false,
      "description":"Only the fields that are given change; what GET gave can be put back",
      "properties":{
        "concurrency":{"type":"integer","minimum":1,"maximum":100,"description":"How many may run at once; 1 by default"},
        "rate":{"type":["string","null"],"pattern":"^[1-9][0-9]*/[smh]$",
          "description":"Starts a second, minute or hour, at most 100000; null: as many as there are"},
        "name":{"description":"Ignored"},"paused":{"description":"Ignored"},
        "pending":{"description":"Ignored"},"running":{"description":"Ignored"}}})";
constexpr std::array pause_reply{ReplyNote{200, R"({"type":"object","properties":{
      "data":{"type":"object","properties":{"name":{"type":"string"},"paused":{"type":"boolean"}}},
      "message":{"type":"string"}}})"}};
constexpr std::array task_page{ReplyNote{200, R"({"$ref":"#/components/schemas/TaskPage"})"}};
constexpr std::array execution_page{ReplyNote{200, R"({"$ref":"#/components/schemas/ExecutionPage"})"},
                                    ReplyNote{404, ""}};
constexpr std::array execution_reply{
    ReplyNote{200, R"({"type":"object","properties":{"data":{"$ref":"#/components/schemas/ExecutionDetail"}}})"}};
constexpr std::string_view execution_data =
    R"({"type":"object","properties":{"data":{"$ref":"#/components/schemas/Execution"}}})";
constexpr std::array cancel_replies{ReplyNote{200, execution_data}, ReplyNote{202, execution_data}};
constexpr std::array retried_reply{ReplyNote{202, R"({"type":"object","properties":{
      "data":{"type":"object","properties":{"retried":{"type":"integer"}}}}})"}};
constexpr std::string_view retry_filter = R"({"type":"object","additionalProperties":false,"properties":{
      "status":{"description":"One status or a list of them; default failed, timeout and missed","oneOf":[
        {"type":"string","enum":["failed","timeout","missed","cancelled"]},
        {"type":"array","items":{"type":"string","enum":["failed","timeout","missed","cancelled"]},"minItems":1}]},
      "task_id":{"type":"string","format":"uuid","description":"Only of this task"},
      "queue":{"type":"string","description":"Only of this queue"},
      "since":{"type":"string","format":"date-time","description":"scheduled_for at or after"},
      "until":{"type":"string","format":"date-time","description":"scheduled_for before"},
      "limit":{"type":"integer","minimum":1,"maximum":1000,"default":100,"description":"At most so many, the earliest first"}}})";
constexpr std::array notice_filters{
    limit, offset, cursor,
    QueryParameter{"status", R"({"type":"string","enum":["waiting","dead"]})", "Only with this status"}};
constexpr std::array list_of_channels{ReplyNote{200, R"({"type":"object","properties":{
      "data":{"type":"array","items":{"$ref":"#/components/schemas/Channel"}}}})"}};
constexpr std::string_view channel_data =
    R"({"type":"object","properties":{"data":{"$ref":"#/components/schemas/Channel"}}})";
constexpr std::array created_channel{ReplyNote{201, channel_data}};
constexpr std::array one_channel{ReplyNote{200, channel_data}};
constexpr std::string_view channel_request = R"({"type":"object","additionalProperties":false,
      "description":"A new channel needs a plugin; in a change only the fields that are given change, the settings as a whole",
      "properties":{
        "name":{"type":"string","maxLength":255,"description":"Unique; that of the plugin by default"},
        "plugin":{"type":"string","description":"A name that /notifiers lists"},
        "settings":{"type":["object","null"],"description":"By their whole names, or what follows the section"},
        "events":{"type":["array","null"],"description":"null: all of them","items":{"type":"string","enum":[
          "task.failed","task.recovered","task.disabled","queue.stalled","quota.warning","quota.reached",
          "host.circuit_opened"]}},
        "enabled":{"type":"boolean","default":true},
        "id":{"description":"Ignored"},"inserted_at":{"description":"Ignored"},"updated_at":{"description":"Ignored"}}})";
constexpr std::array test_reply{ReplyNote{200, R"({"type":"object","properties":{"data":{"type":"object","properties":{
      "result":{"type":"string","enum":["delivered","retry_later","given_up"]},"error":{"type":["string","null"]},
      "duration_ms":{"type":"integer"}}}}})"}};
constexpr std::array notice_page{ReplyNote{200, R"({"$ref":"#/components/schemas/NoticePage"})"}};
constexpr std::array list_of_notifiers{ReplyNote{200, R"({"type":"object","properties":{"data":{"type":"array","items":{
      "type":"object","properties":{"name":{"type":"string"},"version":{"type":"string"},
      "settings":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},
        "type":{"type":"string","enum":["string","integer","boolean","duration","list"]},
        "default":{"type":"string"},"help":{"type":"string"}}}}}}}}})"}};
constexpr std::array audit_page{ReplyNote{200, R"({"$ref":"#/components/schemas/AuditPage"})"}};
constexpr std::array preview_reply{
    ReplyNote{200, R"({"type":"object","properties":{"data":{"type":"object","properties":{
      "expression":{"type":"string"},"timezone":{"type":"string"},
      "next":{"type":"array","items":{"type":"string","format":"date-time"}}}}}})"},
    ReplyNote{422, ""}};
constexpr std::string_view health_schema = R"({"type":"object","properties":{
      "status":{"type":"string"},"database":{"type":"string","enum":["connected","disconnected"]}}})";
constexpr std::array health_reply{ReplyNote{200, health_schema}};
constexpr std::array ready_replies{ReplyNote{200, health_schema}, ReplyNote{503, health_schema}};
constexpr std::array text_reply{ReplyNote{200, R"({"type":"string"})"}};
constexpr std::array object_reply{ReplyNote{200, R"({"type":"object"})"}};

constexpr auto none = BodyRule::none;
constexpr auto optional = BodyRule::optional;
constexpr auto required = BodyRule::required;
constexpr auto json = ReplyFormat::json;
constexpr auto text = ReplyFormat::text;

constexpr std::array table{
    Route{"GET", "/api/v1/tasks", Access::key, none, json, list_tasks, "List tasks", task_filters, task_page},
    Route{"POST", "/api/v1/tasks", Access::key, required, json, create_task, "Create a task", {}, create_replies},
    Route{"POST",
          "/api/v1/tasks/batch",
          Access::key,
          required,
          json,
          create_batch,
          "Create many tasks, all or none",
          {},
          batch_reply,
          batch_request},
    Route{"PUT",
          "/api/v1/sync",
          Access::key,
          required,
          json,
          sync_tasks,
          "Make the cron tasks those of a list",
          {},
          sync_replies,
          sync_request},
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
    Route{"GET",
          "/api/v1/queues",
          Access::key,
          none,
          json,
          list_queues,
          "List the queues that have settings or work that has not ended",
          {},
          list_of_queues},
    Route{"GET", "/api/v1/queues/:name", Access::key, none, json, show_queue, "Show a queue", {}, one_queue},
    Route{"PUT",
          "/api/v1/queues/:name",
          Access::key,
          required,
          json,
          change_queue,
          "Set the concurrency and rate of a queue",
          {},
          one_queue,
          queue_request},
    Route{"DELETE",
          "/api/v1/queues/:name",
          Access::key,
          none,
          json,
          forget_queue,
          "Forget what is set for a queue, a pause too; its tasks stay",
          {},
          no_content},
    Route{"POST",
          "/api/v1/queues/:name/pause",
          Access::key,
          none,
          json,
          pause_queue,
          "Send nothing of a queue until it is resumed",
          {},
          pause_reply},
    Route{"POST",
          "/api/v1/queues/:name/resume",
          Access::key,
          none,
          json,
          resume_queue,
          "Resume a queue",
          {},
          pause_reply},
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
    Route{"POST",
          "/api/v1/executions/retry",
          Access::key,
          optional,
          json,
          retry_executions,
          "Run failed executions again",
          {},
          retried_reply,
          retry_filter},
    Route{"POST",
          "/api/v1/executions/:id/cancel",
          Access::key,
          none,
          json,
          cancel_execution,
          "Cancel an execution",
          {},
          cancel_replies},
    Route{"POST",
          "/api/v1/executions/:id/retry",
          Access::key,
          none,
          json,
          retry_execution,
          "Run an execution again",
          {},
          trigger_reply},
    Route{"GET",
          "/api/v1/channels",
          Access::key,
          none,
          json,
          list_channels,
          "List the channels that are told of events",
          {},
          list_of_channels},
    Route{"POST",
          "/api/v1/channels",
          Access::key,
          required,
          json,
          create_channel,
          "Create a channel",
          {},
          created_channel,
          channel_request},
    Route{"GET", "/api/v1/channels/:id", Access::key, none, json, show_channel, "Show a channel", {}, one_channel},
    Route{"PUT",
          "/api/v1/channels/:id",
          Access::key,
          required,
          json,
          change_channel,
          "Change a channel",
          {},
          one_channel,
          channel_request},
    Route{"PATCH",
          "/api/v1/channels/:id",
          Access::key,
          required,
          json,
          change_channel,
          "Change a channel",
          {},
          one_channel,
          channel_request},
    Route{"DELETE",
          "/api/v1/channels/:id",
          Access::key,
          none,
          json,
          delete_channel,
          "Delete a channel, and what it has not been told yet",
          {},
          no_content},
    Route{"POST",
          "/api/v1/channels/:id/test",
          Access::key,
          none,
          json,
          test_channel,
          "Tell a channel of a test event and say what came of it",
          {},
          test_reply},
    Route{"GET", "/api/v1/channels/:id/notices", Access::key, none, json, list_notices,
          "List what a channel has not been told yet, and what was given up", notice_filters, notice_page},
    Route{"POST",
          "/api/v1/channels/:id/notices/retry",
          Access::key,
          none,
          json,
          retry_notices,
          "Tell a channel again what was given up",
          {},
          retried_reply},
    Route{"GET",
          "/api/v1/notifiers",
          Access::key,
          none,
          json,
          list_notifiers,
          "List the plugins that channels may use",
          {},
          list_of_notifiers},
    Route{"GET", "/api/v1/audit", Access::key, none, json, list_audit, "List what was changed, by whom, newest first",
          audit_filters, audit_page},
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
