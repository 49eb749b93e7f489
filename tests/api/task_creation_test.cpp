#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

TaskSpec created_spec(RunningApi& server, std::string_view body) { return server.spec_of(server.create(body)); }

}  // namespace

TEST_CASE("an immediate task is accepted with 202 and its ids") {
  RunningApi server;
  const auto reply = server.client().post("/api/v1/tasks", R"({"url":"https://example.com/hook"})");
  CHECK(reply.status == 202);
  CHECK(reply.header("Content-Type") == "application/json");
  const auto json = reply.json();
  CHECK(keys_of(json) == std::vector<std::string>{"data", "message"});
  CHECK(keys_of(json.at("data")) == std::vector<std::string>{"task_id", "execution_id", "status", "scheduled_for"});
  CHECK(json.at("data").at("status") == "pending");
  CHECK(json.at("data").at("scheduled_for") == "2026-01-15T12:00:00.000Z");
  CHECK(json.at("message") == "Task queued for execution");
}

TEST_CASE("a delayed task is due its delay after now") {
  RunningApi server;
  for (const auto& [delay, due] : std::vector<std::pair<std::string, std::string>>{
           {"\"30s\"", "2026-01-15T12:00:30.000Z"},
           {"\"5m\"", "2026-01-15T12:05:00.000Z"},
           {"\"2h\"", "2026-01-15T14:00:00.000Z"},
           {"\"1d\"", "2026-01-16T12:00:00.000Z"},
           {"\"007s\"", "2026-01-15T12:00:07.000Z"},
           {"\"366d\"", "2027-01-16T12:00:00.000Z"},
           {"90", "2026-01-15T12:01:30.000Z"},
       }) {
    INFO(delay);
    const auto reply = server.client().post("/api/v1/tasks", R"({"url":"https://example.com","delay":)" + delay + "}");
    CHECK(reply.status == 202);
    CHECK(reply.json().at("data").at("scheduled_for").as_string() == due);
  }
}

TEST_CASE("a task for a time is due then, in any offset and under either name") {
  RunningApi server;
  const auto field = GENERATE("run_at", "scheduled_at");
  const auto reply = server.client().post("/api/v1/tasks", R"({"url":"https://example.com",")" + std::string(field) +
                                                               R"(":"2026-01-15T15:30:00.25+02:00"})");
  CHECK(reply.status == 202);
  CHECK(reply.json().at("data").at("scheduled_for") == "2026-01-15T13:30:00.250Z");
}

TEST_CASE("a time up to five minutes ago is accepted") {
  RunningApi server;
  CHECK(server.client()
            .post("/api/v1/tasks", R"({"url":"https://example.com","run_at":"2026-01-15T11:55:00Z"})")
            .status == 202);
}

TEST_CASE("a cron task is created with 201 and the keys of the contract in order") {
  RunningApi server;
  const auto field = GENERATE("cron", "cron_expression");
  const auto reply = server.client().post(
      "/api/v1/tasks", R"({"url":"https://example.com",")" + std::string(field) + R"(":"*/5 * * * *"})");
  CHECK(reply.status == 201);
  const auto json = reply.json();
  CHECK(json.at("message") == "Cron task created");
  CHECK(keys_of(json.at("data")) == std::vector<std::string>{"id",
                                                             "name",
                                                             "url",
                                                             "method",
                                                             "headers",
                                                             "body",
                                                             "schedule_type",
                                                             "cron_expression",
                                                             "timezone",
                                                             "scheduled_at",
                                                             "enabled",
                                                             "timeout_ms",
                                                             "retry_attempts",
                                                             "callback_url",
                                                             "expected_status_codes",
                                                             "expected_body_pattern",
                                                             "queue",
                                                             "notify_on_failure",
                                                             "notify_on_recovery",
                                                             "on_failure_url",
                                                             "on_recovery_url",
                                                             "misfire",
                                                             "overlap",
                                                             "retry_delay",
                                                             "retry_max_delay",
                                                             "expires_in",
                                                             "next_run_at",
                                                             "last_execution_at",
                                                             "last_execution_status",
                                                             "inserted_at",
                                                             "updated_at"});
}

TEST_CASE("a cron task has the defaults of its kind") {
  RunningApi server;
  const auto data =
      server.client().post("/api/v1/tasks", R"({"url":"https://example.com","cron":"@daily"})").json().at("data");
  CHECK(data.at("method") == "GET");
  CHECK(data.at("retry_attempts") == 0);
  CHECK(data.at("timezone") == "UTC");
  CHECK(data.at("schedule_type") == "cron");
  CHECK(data.at("scheduled_at").is_null());
  CHECK(data.at("enabled") == true);
  CHECK(data.at("misfire") == "last");
  CHECK(data.at("overlap") == "allow");
  CHECK(data.at("timeout_ms") == 30000);
  CHECK(data.at("body") == "");
  CHECK(data.at("headers").as_object().empty());
}

TEST_CASE("a one-time task has the defaults of its kind") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com"})");
  const auto data = server.client().get("/api/v1/tasks/" + id).json().at("data");
  CHECK(data.at("method") == "POST");
  CHECK(data.at("retry_attempts") == 5);
  CHECK(data.at("cron_expression").is_null());
  CHECK(data.at("timezone") == "UTC");
  CHECK(data.at("schedule_type") == "once");
  CHECK(data.at("scheduled_at") == "2026-01-15T12:00:00.000Z");
  CHECK(data.at("next_run_at") == "2026-01-15T12:00:00.000Z");
}

TEST_CASE("every field that is given is kept") {
  RunningApi server;
  const auto spec = created_spec(server, R"({"url":"  https://example.com/a?b=c \n","name":"Grüße","method":"PATCH",
    "headers":{"X-A":"1","X-B":2,"X-C":true,"X-D":1.5},"body":"hello","cron":"0 9 * * 1","timezone":"Europe/Berlin",
    "timeout_ms":1000,"retry_attempts":10,"retry_delay":"30s","retry_max_delay":7200,"expires_in":"1d",
    "callback_url":"https://a.example/cb","on_failure_url":"https://a.example/f","on_recovery_url":"https://a.example/r",
    "expected_status_codes":"200, 204,301","expected_body_pattern":"ok","queue":"mail","notify_on_failure":true,
    "notify_on_recovery":false,"enabled":false,"misfire":"all","overlap":"skip","schedule_type":"cron"})");
  TaskSpec wanted;
  wanted.url = "https://example.com/a?b=c";
  wanted.name = "Grüße";
  wanted.method = Method::patch;
  wanted.headers = {{"X-A", "1"}, {"X-B", "2"}, {"X-C", "true"}, {"X-D", "1.5"}};
  wanted.body = "hello";
  wanted.schedule_type = ScheduleType::cron;
  wanted.cron_expression = "0 9 * * 1";
  wanted.timezone = "Europe/Berlin";
  wanted.timeout = milliseconds{1000};
  wanted.retry_attempts = 10;
  wanted.retry_delay = seconds{30};
  wanted.retry_max_delay = seconds{7200};
  wanted.expires_in = seconds{86400};
  wanted.callback_url = "https://a.example/cb";
  wanted.on_failure_url = "https://a.example/f";
  wanted.on_recovery_url = "https://a.example/r";
  wanted.expected_status_codes = "200,204,301";
  wanted.expected_body_pattern = "ok";
  wanted.queue = "mail";
  wanted.notify_on_failure = true;
  wanted.notify_on_recovery = false;
  wanted.enabled = false;
  wanted.misfire = Misfire::all;
  wanted.overlap = Overlap::skip;
  CHECK(spec == wanted);
}

TEST_CASE("a task may be wrapped in an object") {
  RunningApi server;
  CHECK(created_spec(server, R"({"task":{"url":"https://example.com","queue":"q"}})").queue == "q");
}

TEST_CASE("null is the default for every field but the URL") {
  RunningApi server;
  const auto spec =
      created_spec(server, R"({"url":"https://example.com","name":null,"method":null,"headers":null,"body":null,
    "cron":null,"timezone":null,"delay":null,"run_at":null,"timeout_ms":null,"retry_attempts":null,"retry_delay":null,
    "retry_max_delay":null,"expires_in":null,"callback_url":null,"on_failure_url":null,"on_recovery_url":null,
    "expected_status_codes":null,"expected_body_pattern":null,"queue":null,"notify_on_failure":null,
    "notify_on_recovery":null,"enabled":null,"misfire":null,"overlap":null})");
  TaskSpec wanted;
  wanted.url = "https://example.com";
  wanted.name = spec.name;
  wanted.scheduled_at = spec.scheduled_at;
  CHECK(spec == wanted);
}

TEST_CASE("empty texts are no value where a value is optional") {
  RunningApi server;
  const auto spec = created_spec(server, R"({"url":"https://example.com","name":"","queue":"","callback_url":"",
    "on_failure_url":" ","on_recovery_url":"","expected_status_codes":"","expected_body_pattern":""})");
  TaskSpec wanted;
  wanted.url = "https://example.com";
  wanted.name = spec.name;
  wanted.scheduled_at = spec.scheduled_at;
  CHECK(spec == wanted);
}

TEST_CASE("one-time tasks take cron-only fields at their defaults") {
  RunningApi server;
  CHECK_NOTHROW(server.create(
      R"({"url":"https://example.com","enabled":true,"timezone":"UTC","misfire":"last","overlap":"allow","schedule_type":"once"})"));
}

TEST_CASE("an object as body is kept as it was written, without its white space") {
  RunningApi server;
  const auto spec = created_spec(server,
                                 "{\"url\":\"https://example.com\",\"body\":\n{ \"a\": [1,\t2.5, -3e2, \"x\\n "
                                 "\\u0001é\", null, true],\r\n\"b\": {} }}");
  CHECK(spec.body == R"({"a":[1,2.5,-3e2,"x\n \u0001é",null,true],"b":{}})");
}

TEST_CASE("numbers are given on digit for digit") {
  RunningApi server;
  const std::string numbers = "[1e400,-1E-400,1.10,0.1000000000000000055511151231257827,18446744073709551616,-0,1e+2]";
  CHECK(created_spec(server, R"({"url":"https://example.com","body":)" + numbers + "}").body == numbers);
  CHECK(created_spec(server, R"({"task":{"url":"https://example.com","body":)" + numbers + "}}").body == numbers);
  CHECK(created_spec(server, R"({"body":[1],"url":"https://example.com","b\u006fdy":)" + numbers + "}").body ==
        numbers);
  const auto id = server.create(R"({"url":"https://example.com","delay":60})");
  CHECK(server.patch(id, R"({"task":{"body":)" + numbers + "}}").status == 200);
  CHECK(text_of(server.task(id).at("body")) == numbers);
}

TEST_CASE("numbers and booleans in headers become the text they were written as") {
  RunningApi server;
  const auto headers =
      R"({"A":1.10,"B":12345678901234567890123,"C":true,"D":false,"E":"5","F":1,"F":-1e400,"\u0047":7})";
  const Headers wanted{
      {"A", "1.10"}, {"B", "12345678901234567890123"}, {"C", "true"}, {"D", "false"}, {"E", "5"}, {"F", "-1e400"},
      {"G", "7"}};
  for (const std::string begin :
       {R"({"url":"https://example.com","headers":)", R"({"task":{"url":"https://example.com","headers":)"}) {
    CHECK(created_spec(server, begin + headers + (begin.starts_with(R"({"task")") ? "}}" : "}")).headers == wanted);
  }
}

TEST_CASE("a body is sent with the content type it has, unless the task names one") {
  RunningApi server;
  const auto sent = [&](const std::string& fields) {
    const auto id = server.create(R"({"url":"https://example.com",)" + fields + "}");
    server.run(id);
    CHECK(server.spec_of(id).headers.size() == (fields.find("headers") == std::string::npos ? 0 : 1));
    std::string types;
    const auto headers = server.transport().started().back().headers;
    for (const auto& [name, value] : headers) {
      if (name == "Content-Type" || name == "content-type") types += value + ";";
    }
    return types;
  };
  CHECK(sent(R"("body":{"a":1e400})") == "application/json;");
  CHECK(sent(R"("body":[1])") == "application/json;");
  CHECK(sent(R"("body":"{\"a\":1}")") == "application/json;");
  CHECK(sent(R"("body":"plain")") == "text/plain;");
  CHECK(sent(R"("body":[1],"headers":{"content-type":"application/x+json"})") == "application/x+json;");
}

TEST_CASE("the largest values are accepted") {
  RunningApi server;
  std::string umlauts;
  for (int i = 0; i < 255; ++i) umlauts += "ü";
  const auto body = boost::json::serialize(
      boost::json::object{{"url", "https://example.com/" + std::string(2048 - 20, 'a')},
                          {"name", umlauts},
                          {"queue", std::string(255, 'q')},
                          {"body", std::string(262144, 'b')},
                          {"timeout_ms", 300000},
                          {"retry_attempts", 0},
                          {"expected_body_pattern", std::string(4096, 'p')},
                          {"headers", boost::json::object{{"X-Long", std::string(16384 - 6, 'h')}}}});
  CHECK(server.client().post("/api/v1/tasks", body).status == 202);
}

TEST_CASE("whole numbers may be written with a fraction of nothing") {
  RunningApi server;
  const auto spec = created_spec(server, R"({"url":"https://example.com","timeout_ms":300000.0,"retry_attempts":10.0,
    "retry_delay":30.0,"retry_max_delay":1e2,"delay":60.0})");
  CHECK(spec.timeout == milliseconds{300000});
  CHECK(spec.retry_attempts == 10);
  CHECK(spec.retry_delay == seconds{30});
  CHECK(spec.retry_max_delay == seconds{100});
  CHECK(spec.scheduled_at == server.clock.now() + seconds{60});
}

TEST_CASE("the last of two equal keys counts") {
  RunningApi server;
  CHECK(created_spec(server, R"({"url":"https://example.com","queue":"a","queue":"b"})").queue == "b");
}

TEST_CASE("a triggered task gets an execution of its own") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","cron":"@daily","enabled":false})");
  const auto reply = server.client().post("/api/v1/tasks/" + id + "/trigger", "");
  CHECK(reply.status == 202);
  CHECK(keys_of(reply.json().at("data")) == std::vector<std::string>{"execution_id", "status", "scheduled_for"});
  CHECK(reply.json().at("message") == "Task triggered successfully");
  const auto execution = std::string(reply.json().at("data").at("execution_id").as_string());
  CHECK(server.client().get("/api/v1/executions/" + execution).status == 200);
}

TEST_CASE("a task without a name is named after its URL and its time") {
  RunningApi server;
  const auto name = [&](const std::string& fields) {
    return text_of(server.task(server.create(R"({"url":"https://example.com/x")" + fields + "}")).at("name"));
  };
  CHECK(name("") == "https://example.com/x · 15 Jan, 12:00");
  CHECK(name(R"(,"delay":"18d")") == "https://example.com/x · 02 Feb, 12:00");
  CHECK(name(R"(,"name":" ")") == "https://example.com/x · 15 Jan, 12:00");
  CHECK(name(R"(,"cron":"@daily")") == "Cron: https://example.com/x");
}

TEST_CASE("a name that is made is cut to what a name may be") {
  RunningApi server;
  const std::string url = "https://example.com/" + std::string(400, 'x');
  const auto once = text_of(server.task(server.create(R"({"url":")" + url + "\"}")).at("name"));
  CHECK(once.size() <= 255);
  CHECK(once.ends_with("x · 15 Jan, 12:00"));
  const auto cron = text_of(server.task(server.create(R"({"url":")" + url + R"(","cron":"@daily"})")).at("name"));
  CHECK(cron == "Cron: " + url.substr(0, 249));
}

TEST_CASE("ids are UUIDs of version 7 and ascend in the order of creation") {
  RunningApi server;
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    const auto data = server.client().post("/api/v1/tasks", R"({"url":"https://example.com"})").json().at("data");
    ids.push_back(text_of(data.at("task_id")));
    ids.push_back(text_of(data.at("execution_id")));
  }
  CHECK(std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>{}) == ids.end());
  for (const auto& id : ids) CHECK(id[14] == '7');
}

TEST_CASE("a time that is slightly past is due at once") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","run_at":"2026-01-15T11:56:00Z"})");
  server.run(id);
  CHECK(format_rfc3339(server.clock.now()) == "2026-01-15T12:00:00.000Z");
  CHECK(server.executions_of(id).at(0).at("scheduled_for") == "2026-01-15T11:56:00.000Z");
}

TEST_CASE("times are whole milliseconds and never earlier than was asked for") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","run_at":"2026-01-15T13:00:00.000001Z"})");
  CHECK(server.task(id).at("scheduled_at") == "2026-01-15T13:00:00.001Z");
  CHECK(server.executions_of(id).at(0).at("scheduled_for") == "2026-01-15T13:00:00.001Z");
}

TEST_CASE("any text is given back as it came") {
  RunningApi server;
  const std::string text = "\xf0\x9f\x98\x80 'quoted' \"\\ \x01\x7f \xe2\x80\xa8 %s {} $1 ; --";
  const boost::json::object given{
      {"url", "https://example.com"}, {"name", text}, {"queue", text}, {"expected_body_pattern", text}, {"body", text}};
  const auto task = server.task(server.create(boost::json::serialize(given)));
  for (const std::string field : {"name", "queue", "expected_body_pattern", "body"}) {
    INFO(field);
    CHECK(text_of(task.at(field)) == text);
  }
  const auto with_nul = server.create(R"({"url":"https://example.com","body":"a\u0000b"})");
  CHECK(text_of(server.task(with_nul).at("body")) == std::string("a\0b", 3));
}
