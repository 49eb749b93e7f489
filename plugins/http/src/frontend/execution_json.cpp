#include "frontend/execution_json.hpp"

#include <array>

namespace punctual {

namespace {

using Key = JsonKey<Execution>;
using DetailKey = JsonKey<ExecutionDetail>;

constexpr std::string_view id = R"({"type":"string","format":"uuid"})";
constexpr std::string_view text_or_null = R"({"type":["string","null"]})";
constexpr std::string_view integer_or_null = R"({"type":["integer","null"]})";
constexpr std::string_view instant_or_null = R"({"type":["string","null"],"format":"date-time"})";

constexpr std::array keys{
    Key{"id", id, [](JsonText& out, const Execution& e) { out.string(e.id.text()); }},
    Key{"task_id", id, [](JsonText& out, const Execution& e) { out.string(e.task_id.text()); }},
    Key{"run_id", id, [](JsonText& out, const Execution& e) { out.string(e.run_id.text()); }},
    Key{"attempt", R"({"type":"integer","minimum":1})",
        [](JsonText& out, const Execution& e) { out.number(e.attempt); }},
    Key{"status", R"({"type":"string","enum":["pending","running","success","failed","timeout","missed","cancelled"]})",
        [](JsonText& out, const Execution& e) { out.string(name_of(e.status)); }},
    Key{"scheduled_for", R"({"type":"string","format":"date-time"})",
        [](JsonText& out, const Execution& e) { out.time(e.scheduled_for); }},
    Key{"started_at", instant_or_null, [](JsonText& out, const Execution& e) { out.optional(e.started_at); }},
    Key{"finished_at", instant_or_null, [](JsonText& out, const Execution& e) { out.optional(e.finished_at); }},
    Key{"status_code", integer_or_null, [](JsonText& out, const Execution& e) { out.optional(e.status_code); }},
    Key{"duration_ms", integer_or_null, [](JsonText& out, const Execution& e) { out.optional(e.duration); }},
    Key{"error_message", text_or_null, [](JsonText& out, const Execution& e) { out.optional(e.error_message); }},
};

constexpr std::array detail_keys{
    DetailKey{"response_body", text_or_null,
              [](JsonText& out, const ExecutionDetail& e) { out.optional(e.response_body); }},
    DetailKey{"response_headers", R"({"type":"object","additionalProperties":{"type":"string"}})",
              [](JsonText& out, const ExecutionDetail& e) { append_headers(out, e.response_headers); }},
    DetailKey{"request", R"({"type":"object","properties":{"url":{"type":"string"},"method":{"type":"string"}}})",
              [](JsonText& out, const ExecutionDetail& e) {
                out.begin_object().key("url").string(e.request_url);
                out.key("method").string(name_of(e.request_method)).end_object();
              }},
};

}  // namespace

std::span<const JsonKey<Execution>> execution_keys() { return keys; }

std::span<const JsonKey<ExecutionDetail>> execution_detail_keys() { return detail_keys; }

void append_execution(JsonText& json, const Execution& execution) {
  json.begin_object();
  append_keys(json, execution_keys(), execution);
  json.end_object();
}

std::string execution_body(const Execution& execution) {
  std::string out;
  JsonText json(out);
  json.begin_object().key("data");
  append_execution(json, execution);
  json.end_object();
  return out;
}

std::string execution_body(const ExecutionDetail& detail) {
  std::string out;
  out.reserve(1024 + detail.response_body.value_or("").size());
  JsonText json(out);
  json.begin_object().key("data").begin_object();
  append_keys(json, execution_keys(), detail.execution);
  append_keys(json, execution_detail_keys(), detail);
  json.end_object().end_object();
  return out;
}

StoredReply started_run_reply(const StartedRun& run, std::string_view message) {
  StoredReply reply{202, {}};
  JsonText json(reply.body);
  json.begin_object().key("data").begin_object();
  json.key("execution_id").string(run.execution_id.text());
  json.key("status").string(name_of(ExecutionStatus::pending));
  json.key("scheduled_for").time(run.scheduled_for).end_object();
  json.key("message").string(message).end_object();
  return reply;
}

}  // namespace punctual
