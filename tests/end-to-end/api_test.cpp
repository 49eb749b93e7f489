// The API on the real engine and store: what the front end's own tests, which have an engine of their own, cannot show.
#include <catch2/catch.hpp>
#include <set>

#include "deployment.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

std::string text(const boost::json::value& value) { return std::string(value.as_string()); }

}  // namespace

TEST_CASE_METHOD(Deployment, "what GET gave can be put back and changes nothing") {
  const auto kind = GENERATE(R"("delay":"1h")", R"("cron":"0 9 * * MON","timezone":"Europe/Berlin")");
  const auto made = client().post("/api/v1/tasks", R"({"url":")" + target().url() + "\"," + kind + "}").json();
  const auto& data = made.at("data").as_object();
  const std::string id = text(data.contains("task_id") ? data.at("task_id") : data.at("id"));
  const auto before = client().get("/api/v1/tasks/" + id).json().at("data");
  const auto put = client().request("PUT", "/api/v1/tasks/" + id, boost::json::serialize(before));
  CHECK(put.status == 200);
  CHECK(client().get("/api/v1/tasks/" + id).json().at("data") == before);
}

TEST_CASE_METHOD(Deployment, "a pending task is moved by an edit, a finished one is not run again") {
  const auto made = create({{"url", target().url()}, {"delay", "1h"}});
  const std::string path = "/api/v1/tasks/" + text(made.at("task_id"));
  const auto moved = client().request("PATCH", path, R"({"run_at":"2027-05-01T12:00:00+02:00"})");
  CHECK(moved.status == 200);
  CHECK(text(get("/executions/" + text(made.at("execution_id"))).at("scheduled_for")) == "2027-05-01T10:00:00.000Z");
  CHECK(client().request("PATCH", path, R"({"delay":1})").status == 200);
  REQUIRE(reaches(made, "success"));
  const auto refused = client().request("PATCH", path, R"({"delay":"1h"})");
  CHECK(refused.status == 409);
  CHECK(refused.error_code() == "conflict");
  CHECK(target().request_count() == 1);
}

TEST_CASE_METHOD(Deployment, "a deleted task is gone and its execution cancelled") {
  const auto made = create({{"url", target().url()}, {"delay", 2}});
  const std::string path = "/api/v1/tasks/" + text(made.at("task_id"));
  CHECK(client().request("DELETE", path).status == 204);
  CHECK(client().get(path).status == 404);
  CHECK(client().request("DELETE", path).status == 404);
  CHECK(text(get("/executions/" + text(made.at("execution_id"))).at("status")) == "cancelled");
}

TEST_CASE_METHOD(Deployment, "the tasks of a queue can be cancelled together") {
  for (int i = 0; i < 3; ++i) {
    (void)create({{"url", target().url()}, {"delay", "1h"}, {"queue", "mail out"}});
  }
  (void)create({{"url", target().url()}, {"delay", "1h"}});
  const auto reply = client().request("DELETE", "/api/v1/tasks?queue=mail%20out");
  CHECK(reply.status == 200);
  CHECK(reply.json().at("data").at("cancelled").as_int64() == 3);
  CHECK(reply.json().at("message").as_string() == "3 tasks cancelled");
  CHECK(client().request("DELETE", "/api/v1/tasks").status == 400);
  CHECK(client().get("/api/v1/tasks").json().at("data").as_array().size() == 1);
}

TEST_CASE_METHOD(Deployment, "a triggered cron task runs now") {
  const auto made = create({{"url", target().url("/cron")}, {"cron", "0 0 1 1 *"}, {"enabled", false}}, 201);
  const auto reply = client().post("/api/v1/tasks/" + text(made.at("id")) + "/trigger", "");
  CHECK(reply.status == 202);
  CHECK(reply.json().at("message").as_string() == "Task triggered successfully");
  CHECK(reaches(reply.json().at("data").as_object(), "success"));
}

TEST_CASE_METHOD(Deployment, "pages by cursor show every task once, also while others are made") {
  std::set<std::string> made;
  for (int i = 0; i < 25; ++i) {
    made.insert(text(create({{"url", target().url()}, {"delay", "1h"}}).at("task_id")));
  }
  std::set<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    const auto reply = client().get("/api/v1/tasks?limit=10" + (cursor.empty() ? "" : "&cursor=" + cursor)).json();
    for (const auto& task : reply.at("data").as_array()) CHECK(seen.insert(text(task.at("id"))).second);
    if (!reply.at("has_more").as_bool()) {
      CHECK(reply.at("next_cursor").is_null());
      break;
    }
    cursor = text(reply.at("next_cursor"));
    (void)create({{"url", target().url()}, {"delay", "1h"}});
  }
  CHECK(std::includes(seen.begin(), seen.end(), made.begin(), made.end()));
}

TEST_CASE_METHOD(Deployment, "another organisation's things are not found") {
  const auto made = create({{"url", target().url()}, {"delay", "1h"}});
  (void)run({"org", "create", "other"});
  const HttpClient other(client().address(), lines_of(run({"key", "create", "--org", "other"}).out).at(0));
  const std::string task = "/api/v1/tasks/" + text(made.at("task_id"));
  const std::string execution = "/api/v1/executions/" + text(made.at("execution_id"));
  for (const auto& path : {task, task + "/executions", execution}) {
    const auto reply = other.get(path);
    CHECK(reply.status == 404);
    CHECK(reply.error_message() == "Resource not found");
  }
  CHECK(other.request("PATCH", task, R"({"name":"mine"})").status == 404);
  CHECK(other.request("DELETE", task).status == 404);
  CHECK(other.post(task + "/trigger", "").status == 404);
  CHECK(other.get("/api/v1/tasks").json().at("data").as_array().empty());
  CHECK(other.get("/api/v1/executions").json().at("data").as_array().empty());
}

TEST_CASE_METHOD(Deployment, "private addresses are refused at creation unless they are allowed") {
  (void)server().stop();
  start({"--set", "delivery.allow_private_networks=false"});
  for (const auto* url : {"http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/latest",
                          "http://2130706433/", "http://0x7f.1/"}) {
    const auto reply = client().post("/api/v1/tasks", boost::json::serialize(boost::json::object{{"url", url}}));
    CHECK(reply.status == 422);
    CHECK(reply.detail("url") == "cannot target private or internal addresses");
  }
}

TEST_CASE_METHOD(Deployment, "a client that sends garbage does not disturb one that does not") {
  const HttpClient good = client();
  auto connection = good.connect();
  for (int i = 0; i < 50; ++i) {
    HttpConnection bad(good.address());
    bad.send("\x16\x03\x01garbage \r\n\r\n\r\n");
    CHECK(bad.read().status == 400);
    CHECK(connection.request("GET", "/api/v1/tasks", good.authorization()).status == 200);
  }
}

TEST_CASE_METHOD(Deployment, "health, readiness and metrics answer without a key") {
  const HttpClient anybody(client().address());
  CHECK(anybody.get("/health").body == R"({"status":"ok","database":"connected"})");
  CHECK(anybody.get("/ready").body == R"({"status":"ok","database":"connected"})");
  (void)create({{"url", target().url()}});
  REQUIRE(target().wait_for(1));
  CHECK(eventually([&] {
    return anybody.get("/metrics").body.find("punctual_executions_total{status=\"success\"} 1") != std::string::npos;
  }));
  for (const auto* name : {"punctual_intake_batch_size", "punctual_claim_batch_size", "punctual_lateness_seconds",
                           "punctual_settle_batch_size", "punctual_retries_total", "punctual_due_wheel_size",
                           "punctual_in_flight", "punctual_settle_queue_size"}) {
    CHECK(anybody.get("/metrics").body.find(name) != std::string::npos);
  }
}

TEST_CASE_METHOD(Deployment, "a task that its target disabled can be put back as it is shown") {
  target().answer("/gone", TargetAnswer{.status = 410});
  const auto made = create({{"url", target().url("/gone")}});
  REQUIRE(reaches(made, "failed"));
  const std::string path = "/api/v1/tasks/" + text(made.at("task_id"));
  const auto shown = client().get(path).json().at("data");
  CHECK_FALSE(shown.at("enabled").as_bool());
  CHECK(client().request("PUT", path, boost::json::serialize(shown)).status == 200);
  CHECK(client().get(path).json().at("data") == shown);
}

TEST_CASE_METHOD(Deployment, "headers of a response that are not UTF-8 are shown as valid JSON") {
  target().answer("/latin", TargetAnswer{.headers = {{"X-Name", "caf\xe9"}}});
  const auto made = create({{"url", target().url("/latin")}});
  REQUIRE(reaches(made, "success"));
  const auto shown = get("/executions/" + text(made.at("execution_id")));
  CHECK(text(shown.at("response_headers").at("X-Name")) == "caf\xc3\xa9");
}

TEST_CASE_METHOD(Deployment, "an edit of the time moves the task's own run, not one that was triggered") {
  target().answer("/", TargetAnswer{.status = 500});
  const auto made = create({{"url", target().url()}, {"delay", "1h"}, {"retry_delay", "2h"}});
  const std::string path = "/api/v1/tasks/" + text(made.at("task_id"));
  const auto run = client().post(path + "/trigger", "").json().at("data").as_object();
  REQUIRE(reaches(run, "failed"));
  CHECK(client().request("PATCH", path, R"({"run_at":"2027-05-01T12:00:00Z"})").status == 200);
  CHECK(text(get("/executions/" + text(made.at("execution_id"))).at("scheduled_for")) == "2027-05-01T12:00:00.000Z");
}
