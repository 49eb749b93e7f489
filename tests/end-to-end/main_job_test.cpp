// The main job: tasks over HTTP, delivered on time to a real target.
#include <catch2/catch.hpp>
#include <map>

#include "deployment.hpp"
#include "punctual/time.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

Time time_of(const boost::json::value& text) { return parse_rfc3339(std::string(text.as_string())).value(); }

}  // namespace

TEST_CASE_METHOD(Deployment, "an immediate task arrives with its body, its headers and our signature") {
  const auto created = create({{"url", target().url("/hook")},
                               {"method", "PUT"},
                               {"headers", {{"X-Colour", "blue"}}},
                               {"body", {{"order", 17}}}});
  REQUIRE(target().wait_for(1));
  const auto got = target().requests().at(0);
  CHECK(got.method == "PUT");
  CHECK(got.path == "/hook");
  CHECK(got.body == "{\"order\":17}");
  CHECK(got.header("x-colour") == "blue");
  CHECK(got.header("content-type") == "application/json");
  CHECK(got.header("webhook-id") == created.at("execution_id").as_string());
  CHECK(got.header("webhook-signature").value_or("").starts_with("v1,"));
  CHECK(got.header("punctual-attempt") == "1");
  CHECK(got.header("x-runlater-signature").value_or("").starts_with("sha256="));
  CHECK(got.header("user-agent").value_or("").starts_with("Punctual/"));
  REQUIRE(reaches(created, "success"));
  const auto shown = get("/executions/" + std::string(created.at("execution_id").as_string()));
  CHECK(shown.at("response_body").as_string() == "ok");
  CHECK(shown.at("status_code").as_int64() == 200);
  CHECK(shown.at("request").at("url").as_string() == target().url("/hook"));
}

TEST_CASE_METHOD(Deployment, "delayed and timed tasks arrive at their time and never early") {
  const auto delayed = create({{"url", target().url("/delayed")}, {"delay", "1s"}});
  const auto timed =
      create({{"url", target().url("/timed")},
              {"run_at",
               format_rfc3339(std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now() + 1500ms))}});
  REQUIRE(target().wait_for(2));
  for (const auto& [path, task] : {std::pair{"/delayed", delayed}, std::pair{"/timed", timed}}) {
    const auto requests = target().requests(path);
    REQUIRE(requests.size() == 1);
    const auto lateness = requests[0].arrived_at - time_of(task.at("scheduled_for"));
    CHECK(lateness >= 0ms);
    CHECK(lateness < 1s);
  }
}

TEST_CASE_METHOD(Deployment, "a cron task arrives at the next full minute") {
  const auto created = create({{"url", target().url("/cron")}, {"cron", "* * * * *"}}, 201);
  const Time due = time_of(created.at("next_run_at"));
  REQUIRE(target().wait_for(1, 70s));
  const auto got = target().requests().at(0);
  CHECK(got.method == "GET");
  CHECK(got.arrived_at >= due);
  CHECK(got.arrived_at < due + 1s);
}

TEST_CASE_METHOD(Deployment, "a target that fails and recovers is tried again under the same webhook-id") {
  target().answer("/flaky", fail_first(2));
  const auto created = create({{"url", target().url("/flaky")}, {"retry_delay", 1}});
  REQUIRE(target().wait_for(3));
  const auto got = target().requests();
  CHECK(got[0].header("webhook-id") == got[2].header("webhook-id"));
  CHECK(got[2].header("punctual-attempt") == "3");
  CHECK(got[0].header("punctual-execution-id") != got[2].header("punctual-execution-id"));
  REQUIRE(reaches(created, "failed"));
  const std::string task = std::string(created.at("task_id").as_string());
  REQUIRE(eventually([&] { return get("/tasks/" + task).at("last_execution_status").as_string() == "success"; }));
  const auto attempts = client().get("/api/v1/tasks/" + task + "/executions").json().at("data").as_array();
  REQUIRE(attempts.size() == 3);
  CHECK(attempts[0].at("attempt").as_int64() == 3);
  CHECK(attempts[2].at("error_message").as_string() == "HTTP 503");
}

TEST_CASE_METHOD(Deployment, "a cancelled execution is cut off while its target thinks, and its line goes on") {
  target().answer("/thinks", {.shape = TargetAnswer::Shape::never});
  const auto first = create({{"url", target().url("/thinks")}, {"queue", "line"}});
  const auto second = create({{"url", target().url("/next")}, {"queue", "line"}});
  REQUIRE(target().wait_for(1));
  const std::string id(first.at("execution_id").as_string());
  const auto reply = client().post("/api/v1/executions/" + id + "/cancel", "");
  CHECK(reply.status == 202);
  REQUIRE(reaches(first, "cancelled"));
  CHECK(eventually([&] { return target().open_connection_count() <= 1; }));
  REQUIRE(reaches(second, "success"));
  CHECK(target().requests("/thinks").size() == 1);
  CHECK(client().post("/api/v1/executions/" + id + "/cancel", "").status == 409);
  target().answer("/thinks", TargetAnswer{});
  CHECK(client().post("/api/v1/executions/" + id + "/retry", "").status == 202);
  REQUIRE(target().wait_for(3));
}

TEST_CASE_METHOD(Deployment, "two thousand tasks due in the same second all arrive, none twice") {
  const auto due = format_rfc3339(
      std::chrono::ceil<seconds>(std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now() + 4s)));
  std::vector<std::thread> clients;
  for (int t = 0; t < 8; ++t) {
    clients.emplace_back([&, t] {
      auto connection = client().connect();
      for (int i = 0; i < 250; ++i) {
        const std::string body = "{\"url\":\"" + target().url("/same") + "\",\"run_at\":\"" + due + "\",\"body\":\"" +
                                 std::to_string(t * 250 + i) + "\"}";
        const auto reply = connection.request("POST", "/api/v1/tasks", client().authorization(), body);
        if (reply.status != 202) throw std::runtime_error(reply.body);
      }
    });
  }
  for (auto& one : clients) one.join();
  REQUIRE(target().wait_for(2000, 20s));
  std::this_thread::sleep_for(300ms);  // for one too many
  std::map<std::string, int> arrivals;
  for (const auto& request : target().requests()) {
    ++arrivals[request.body];
    CHECK(request.arrived_at >= parse_rfc3339(due).value());
  }
  CHECK(arrivals.size() == 2000);
  CHECK(target().request_count() == 2000);
}

TEST_CASE_METHOD(Deployment, "nothing in the log or the metrics shows a secret") {
  (void)create({{"url", "http://user:hunter2@127.0.0.1:1/"}, {"retry_attempts", 0}});
  const std::string secret = lines_of(run({"org", "secret", "acme"}).out).at(0);
  (void)client().get("/api/v1/tasks?token=hunter2");
  (void)client().request("GET", "/api/v1/tasks", "", {{"Authorization", "Bearer " + key() + "x"}});
  const std::string metrics = client().get("/metrics").body;
  const auto ended = server().stop();
  for (const auto& text : {ended.err, ended.out, metrics}) {
    CHECK(text.find("hunter2") == std::string::npos);
    CHECK(text.find(key().substr(key().find("sk_live_"))) == std::string::npos);
    CHECK(text.find(secret) == std::string::npos);
  }
}
