#include "frontend/task_json.hpp"

#include <algorithm>
#include <array>

#include "frontend/request_head.hpp"

namespace punctual {

namespace {

using Key = JsonKey<Task>;

constexpr std::string_view text = R"({"type":"string"})";
constexpr std::string_view text_or_null = R"({"type":["string","null"]})";
constexpr std::string_view integer = R"({"type":"integer"})";
constexpr std::string_view seconds_or_null = R"({"type":["integer","null"],"description":"Seconds"})";
constexpr std::string_view flag = R"({"type":"boolean"})";
constexpr std::string_view flag_or_null = R"({"type":["boolean","null"]})";
constexpr std::string_view instant = R"({"type":"string","format":"date-time"})";
constexpr std::string_view instant_or_null = R"({"type":["string","null"],"format":"date-time"})";

constexpr std::array keys{
    Key{"id", R"({"type":"string","format":"uuid"})", [](JsonText& out, const Task& t) { out.string(t.id.text()); }},
    Key{"name", text, [](JsonText& out, const Task& t) { out.string(t.spec.name); }},
    Key{"url", text, [](JsonText& out, const Task& t) { out.string(t.spec.url); }},
    Key{"method", text, [](JsonText& out, const Task& t) { out.string(name_of(t.spec.method)); }},
    Key{"headers", R"({"type":"object","additionalProperties":{"type":"string"}})",
        [](JsonText& out, const Task& t) { append_headers(out, t.spec.headers); }},
    Key{"body", text, [](JsonText& out, const Task& t) { out.string(t.spec.body); }},
    Key{"schedule_type", R"({"type":"string","enum":["once","cron"]})",
        [](JsonText& out, const Task& t) { out.string(name_of(t.spec.schedule_type)); }},
    Key{"cron_expression", text_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.cron_expression); }},
    Key{"timezone", text, [](JsonText& out, const Task& t) { out.string(t.spec.timezone); }},
    Key{"scheduled_at", instant_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.scheduled_at); }},
    Key{"enabled", flag, [](JsonText& out, const Task& t) { out.boolean(t.spec.enabled); }},
    Key{"timeout_ms", integer, [](JsonText& out, const Task& t) { out.number(t.spec.timeout.count()); }},
    Key{"retry_attempts", integer, [](JsonText& out, const Task& t) { out.number(t.spec.retry_attempts); }},
    Key{"callback_url", text_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.callback_url); }},
    Key{"expected_status_codes", text_or_null,
        [](JsonText& out, const Task& t) { out.optional(t.spec.expected_status_codes); }},
    Key{"expected_body_pattern", text_or_null,
        [](JsonText& out, const Task& t) { out.optional(t.spec.expected_body_pattern); }},
    Key{"queue", text_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.queue); }},
    Key{"notify_on_failure", flag_or_null,
        [](JsonText& out, const Task& t) { out.optional(t.spec.notify_on_failure); }},
    Key{"notify_on_recovery", flag_or_null,
        [](JsonText& out, const Task& t) { out.optional(t.spec.notify_on_recovery); }},
    Key{"on_failure_url", text_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.on_failure_url); }},
    Key{"on_recovery_url", text_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.on_recovery_url); }},
    Key{"misfire", text, [](JsonText& out, const Task& t) { out.string(name_of(t.spec.misfire)); }},
    Key{"overlap", text, [](JsonText& out, const Task& t) { out.string(name_of(t.spec.overlap)); }},
    Key{"retry_delay", seconds_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.retry_delay); }},
    Key{"retry_max_delay", seconds_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.retry_max_delay); }},
    Key{"expires_in", seconds_or_null, [](JsonText& out, const Task& t) { out.optional(t.spec.expires_in); }},
    Key{"next_run_at", instant_or_null, [](JsonText& out, const Task& t) { out.optional(t.next_run_at); }},
    Key{"last_execution_at", instant_or_null, [](JsonText& out, const Task& t) { out.optional(t.last_execution_at); }},
    Key{"last_execution_status", text_or_null,
        [](JsonText& out, const Task& t) {
          t.last_execution_status ? out.string(name_of(*t.last_execution_status)) : out.null();
        }},
    Key{"inserted_at", instant, [](JsonText& out, const Task& t) { out.time(t.inserted_at); }},
    Key{"updated_at", instant, [](JsonText& out, const Task& t) { out.time(t.updated_at); }},
};

}  // namespace

std::span<const JsonKey<Task>> task_keys() { return keys; }

void append_task(JsonText& json, const Task& task) {
  json.begin_object();
  append_keys(json, task_keys(), task);
  json.end_object();
}

std::string task_body(const Task& task, std::string_view message) {
  std::string out;
  out.reserve(1024 + task.spec.body.size());
  JsonText json(out);
  json.begin_object().key("data");
  append_task(json, task);
  if (!message.empty()) json.key("message").string(message);
  json.end_object();
  return out;
}

// A name that comes more than once is one key with its values joined, as RFC 9110, 5.2 reads them.
void append_headers(JsonText& json, const Headers& headers) {
  json.begin_object();
  for (auto header = headers.begin(); header != headers.end(); ++header) {
    const auto same = [&](const auto& other) { return same_text(other.first, header->first); };
    if (std::any_of(headers.begin(), header, same)) continue;
    std::string value = header->second;
    for (auto later = std::next(header); later != headers.end(); ++later) {
      if (same(*later)) value += ", " + later->second;
    }
    json.key(header->first).string(value);
  }
  json.end_object();
}

}  // namespace punctual
