#include "engine/task_audit.hpp"

#include <boost/json.hpp>

#include "engine/audit_entry.hpp"
#include "host/masking.hpp"

namespace punctual {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::size_t longest = 512;

std::string shown(std::string_view text) {
  std::string out = mask_secrets(text);
  if (out.size() <= longest) return out;
  std::size_t size = longest;
  while (size > 0 && (static_cast<unsigned char>(out[size]) & 0xc0) == 0x80) --size;
  out.resize(size);
  return out + "…";
}

value json_of(const std::string& text) { return value(shown(text)); }
value json_of(bool flag) { return value(flag); }
value json_of(int number) { return value(number); }
value json_of(milliseconds duration) { return value(static_cast<std::int64_t>(duration.count())); }
value json_of(seconds duration) { return value(static_cast<std::int64_t>(duration.count())); }
value json_of(Time time) { return value(format_rfc3339(time)); }
template <class E>
requires std::is_enum_v<E> value json_of(E named) { return value(name_of(named)); }
template <class T>
value json_of(const std::optional<T>& maybe) {
  return maybe ? json_of(*maybe) : value(nullptr);
}

// Their names alone: a value may be a password.
value json_of(const Headers& headers) {
  std::string names;
  for (const auto& [name, text] : headers) names += (names.empty() ? "" : ", ") + name;
  return value(shown(names));
}

value size_of_body(const std::string& body) { return value(std::to_string(body.size()) + " bytes"); }

// Fields in the order of the API. Of what is new there is no before.
class Differences {
 public:
  explicit Differences(bool is_new = false) : is_new_(is_new) {}

  template <class T>
  void add(std::string_view field, const T& before, const T& after) {
    if (before != after) add_values(field, json_of(before), json_of(after));
  }
  void add_values(std::string_view field, value before, value after) {
    if (is_new_) before = nullptr;
    fields_[field] = object{{"from", std::move(before)}, {"to", std::move(after)}};
  }
  [[nodiscard]] std::string text() const { return boost::json::serialize(fields_); }

 private:
  bool is_new_;
  object fields_;
};

void compare(const TaskSpec& before, const TaskSpec& after, Differences& out) {
  out.add("name", before.name, after.name);
  out.add("url", before.url, after.url);
  out.add("method", before.method, after.method);
  out.add("headers", before.headers, after.headers);
  if (before.body != after.body) out.add_values("body", size_of_body(before.body), size_of_body(after.body));
  out.add("schedule_type", before.schedule_type, after.schedule_type);
  out.add("cron_expression", before.cron_expression, after.cron_expression);
  out.add("timezone", before.timezone, after.timezone);
  out.add("scheduled_at", before.scheduled_at, after.scheduled_at);
  out.add("enabled", before.enabled, after.enabled);
  out.add("timeout_ms", before.timeout, after.timeout);
  out.add("retry_attempts", before.retry_attempts, after.retry_attempts);
  out.add("callback_url", before.callback_url, after.callback_url);
  out.add("expected_status_codes", before.expected_status_codes, after.expected_status_codes);
  out.add("expected_body_pattern", before.expected_body_pattern, after.expected_body_pattern);
  out.add("queue", before.queue, after.queue);
  out.add("notify_on_failure", before.notify_on_failure, after.notify_on_failure);
  out.add("notify_on_recovery", before.notify_on_recovery, after.notify_on_recovery);
  out.add("on_failure_url", before.on_failure_url, after.on_failure_url);
  out.add("on_recovery_url", before.on_recovery_url, after.on_recovery_url);
  out.add("misfire", before.misfire, after.misfire);
  out.add("overlap", before.overlap, after.overlap);
  out.add("retry_delay", before.retry_delay, after.retry_delay);
  out.add("retry_max_delay", before.retry_max_delay, after.retry_max_delay);
  out.add("expires_in", before.expires_in, after.expires_in);
}

// What people know a task by.
std::string describe_removed(const TaskSpec& spec) {
  Differences out;
  const auto add = [&](std::string_view field, value before) { out.add_values(field, std::move(before), nullptr); };
  add("name", json_of(spec.name));
  add("url", json_of(spec.url));
  if (spec.schedule_type == ScheduleType::cron) {
    add("cron_expression", json_of(spec.cron_expression));
    add("timezone", json_of(spec.timezone));
  } else {
    add("scheduled_at", json_of(spec.scheduled_at));
  }
  return out.text();
}

}  // namespace

std::string describe_changes(const TaskSpec& before, const TaskSpec& after) {
  Differences out;
  compare(before, after, out);
  return out.text();
}

AuditEntry task_created(const Principal& by, const Task& task) {
  const std::string name = shown(task.spec.name);
  Differences given(true);
  compare({}, task.spec, given);
  return entry_by(by, task.inserted_at, "task.created", task.id.text(),
                  "Made the cron task \"" + name + "\": " + shown(task.spec.cron_expression.value_or("")) + " (" +
                      task.spec.timezone + ")",
                  given.text());
}

std::optional<AuditEntry> task_updated(const Principal& by, const Task& before, const Task& after) {
  if (before.spec == after.spec) return std::nullopt;
  return entry_by(by, after.updated_at, "task.updated", after.id.text(),
                  "Changed the task \"" + shown(after.spec.name) + "\"", describe_changes(before.spec, after.spec));
}

AuditEntry task_deleted(const Principal& by, TaskId task, const TaskSpec& spec, Time at) {
  return entry_by(by, at, "task.deleted", task.text(), "Deleted the task \"" + shown(spec.name) + "\"",
                  describe_removed(spec));
}

AuditEntry queue_deleted(const Principal& by, std::string_view queue, std::size_t count, Time at) {
  return entry_by(by, at, "queue.tasks_deleted", std::string(queue),
                  "Deleted the tasks that waited in the queue: " + std::to_string(count));
}

}  // namespace punctual
