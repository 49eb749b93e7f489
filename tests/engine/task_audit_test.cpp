#include "engine/task_audit.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace punctual;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

TaskSpec some_task() {
  TaskSpec spec;
  spec.name = "report";
  spec.url = "https://user:password@example.com/hook?x=1";
  spec.headers = {{"Authorization", "Bearer secret-a"}, {"X-Trace", "1"}};
  spec.body = "secret body";
  return spec;
}

boost::json::object changes(const TaskSpec& before, const TaskSpec& after) {
  return boost::json::parse(describe_changes(before, after)).as_object();
}

}  // namespace

TEST_CASE("nothing changed is no change") { CHECK(describe_changes(some_task(), some_task()) == "{}"); }

TEST_CASE("of what changed the old and the new value are given, and nothing else") {
  TaskSpec after = some_task();
  after.name = "weekly report";
  after.enabled = false;
  after.timeout = 5s;
  after.queue = "mail";
  after.method = Method::put;
  after.retry_delay = 7s;
  CHECK(changes(some_task(), after) ==
        boost::json::parse(R"({"name":{"from":"report","to":"weekly report"},"method":{"from":"POST","to":"PUT"},
          "enabled":{"from":true,"to":false},"timeout_ms":{"from":30000,"to":5000},"queue":{"from":null,"to":"mail"},
          "retry_delay":{"from":null,"to":7}})"));
}

TEST_CASE("every field that a client decides has its place in the audit log") {
  TaskSpec after = some_task();
  after.name = after.url = "https://example.com/other";
  after.method = Method::del;
  after.headers.clear();
  after.body.clear();
  after.schedule_type = ScheduleType::cron;
  after.cron_expression = after.callback_url = after.on_failure_url = after.on_recovery_url = "x";
  after.expected_status_codes = after.expected_body_pattern = after.queue = "y";
  after.timezone = "Asia/Tokyo";
  after.scheduled_at = Time{1s};
  after.enabled = false;
  after.timeout = 1s;
  after.retry_attempts = 1;
  after.notify_on_failure = after.notify_on_recovery = true;
  after.misfire = Misfire::all;
  after.overlap = Overlap::skip;
  after.retry_delay = after.retry_max_delay = after.expires_in = 1s;
  CHECK(changes(some_task(), after).size() == 25);
}

TEST_CASE("secrets are masked in the audit log: userinfo, header values, keys") {
  TaskSpec after = some_task();
  after.url = "https://user:other@example.com/hook?x=2";
  after.on_failure_url = "https://example.com/alarm?Access-Token=abcdefgh";
  after.headers = {{"Authorization", "Bearer secret-b"}, {"X-Other", "2"}};
  after.callback_url = "https://example.com/?k=sk_live_abcdefgh";
  const std::string text = describe_changes(some_task(), after);
  CHECK_THAT(text, !Contains("password") && !Contains("other@") && !Contains("secret-") && !Contains("abcdefgh"));
  const auto found = changes(some_task(), after);
  CHECK(found.at("url").at("to") == "https://***@example.com/hook?x=2");
  CHECK(found.at("headers").at("from") == "Authorization, X-Trace");
  CHECK(found.at("headers").at("to") == "Authorization, X-Other");
}

TEST_CASE("a changed header value is told of, though not what it is") {
  TaskSpec after = some_task();
  after.headers[0].second = "Bearer secret-b";
  CHECK(changes(some_task(), after) ==
        boost::json::parse(R"({"headers":{"from":"Authorization, X-Trace","to":"Authorization, X-Trace"}})"));
}

TEST_CASE("a body is not copied into the audit log") {
  TaskSpec after = some_task();
  after.body = std::string(200'000, 'x');
  CHECK(describe_changes(some_task(), after) == R"({"body":{"from":"11 bytes","to":"200000 bytes"}})");
}

TEST_CASE("long values are cut between characters") {
  TaskSpec after = some_task();
  after.expected_body_pattern = std::string(511, 'x') + "ü and more";
  const auto found = changes(some_task(), after);
  CHECK(found.at("expected_body_pattern").at("to").as_string() == std::string(511, 'x') + "…");
}

TEST_CASE("an entry says who, what and when") {
  Principal by;
  by.organization_id.value.bytes[0] = 7;
  by.key_public_id = "pk_live_x";
  Task before;
  before.id.value.bytes[0] = 9;
  before.spec = some_task();
  Task after = before;
  CHECK_FALSE(task_updated(by, before, after));
  after.spec.name = "other";
  after.updated_at = Time{5s};
  const AuditEntry entry = task_updated(by, before, after).value();
  CHECK(entry.organization_id == by.organization_id);
  CHECK(entry.at == Time{5s});
  CHECK(entry.actor == "key pk_live_x");
  CHECK(entry.action == "task.updated");
  CHECK(entry.subject == before.id.text());
  CHECK(entry.changes == R"({"name":{"from":"report","to":"other"}})");
  CHECK(queue_deleted(by, "mail", 3, Time{6s}).subject == "mail");
}

TEST_CASE("of a task that is made is told what was said of it, of one that is deleted what it is known by") {
  Task task;
  task.spec = some_task();
  task.spec.url = "https://example.com/hook?api_key=hidden";
  task.spec.schedule_type = ScheduleType::cron;
  task.spec.cron_expression = "0 9 * * *";
  const auto made = boost::json::parse(task_created({}, task).changes);
  CHECK(made.at("name") == boost::json::parse(R"({"from":null,"to":"report"})"));
  CHECK(made.at("url") == boost::json::parse(R"({"from":null,"to":"https://example.com/hook?api_key=***"})"));
  CHECK(made.at("cron_expression") == boost::json::parse(R"({"from":null,"to":"0 9 * * *"})"));
  CHECK_FALSE(made.as_object().contains("timeout_ms"));
  const AuditEntry deleted = task_deleted({}, task.id, task.spec, Time{6s});
  CHECK(deleted.action == "task.deleted");
  CHECK(deleted.detail == "Deleted the task \"report\"");
  CHECK(boost::json::parse(deleted.changes) == boost::json::parse(R"({"name":{"from":"report","to":null},
          "url":{"from":"https://example.com/hook?api_key=***","to":null},
          "cron_expression":{"from":"0 9 * * *","to":null},"timezone":{"from":"UTC","to":null}})"));
}
