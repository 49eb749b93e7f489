// /queues.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

// `more`: further fields, each followed by a comma.
std::string task_in(const std::string& queue, const std::string& more = "") {
  return R"({"url":"https://example.com/x",)" + more + R"("queue":)" +
         boost::json::serialize(boost::json::value(queue)) + "}";
}

HttpReply put(const RunningApi& server, const std::string& queue, std::string_view body) {
  return server.client().request("PUT", "/api/v1/queues/" + queue, body);
}
HttpReply pause(const RunningApi& server, const std::string& queue) {
  return server.client().post("/api/v1/queues/" + queue + "/pause", "");
}
HttpReply resume(const RunningApi& server, const std::string& queue) {
  return server.client().post("/api/v1/queues/" + queue + "/resume", "");
}
boost::json::value show(const RunningApi& server, const std::string& queue) {
  return server.get("/api/v1/queues/" + queue);
}

}  // namespace

TEST_CASE("a queue is shown with what is set and what is in it") {
  RunningApi server;
  const auto first = server.create(task_in("mail"));
  server.send(first);
  server.create(task_in("mail"));
  server.create(task_in("mail", R"("delay":"1h",)"));
  const auto queue = show(server, "mail");
  CHECK(keys_of(queue) == std::vector<std::string>{"name", "paused", "concurrency", "rate", "pending", "running"});
  CHECK(boost::json::serialize(queue) ==
        R"({"name":"mail","paused":false,"concurrency":1,"rate":null,"pending":2,"running":1})");
}

TEST_CASE("queues are listed while they have settings or work, by name, each organisation its own") {
  RunningApi server;
  CHECK(server.client().get("/api/v1/queues").body == R"({"data":[]})");
  server.run(server.create(task_in("done")));
  server.create(task_in("working", R"("delay":"1h",)"));
  CHECK(put(server, "set", R"({"rate":"10/s"})").status == 200);
  CHECK(pause(server, "held").status == 200);
  std::vector<std::string> names;
  const auto listed = server.get("/api/v1/queues");
  for (const auto& queue : listed.as_array()) names.push_back(text_of(queue.at("name")));
  CHECK(names == std::vector<std::string>{"held", "set", "working"});
  CHECK(server.client(other_key).get("/api/v1/queues").body == R"({"data":[]})");
  CHECK(server.client(other_key).get("/api/v1/queues/set").status == 404);
  CHECK(server.client(other_key).request("DELETE", "/api/v1/queues/set").status == 404);
  CHECK(server.client().get("/api/v1/queues/done").status == 404);
}

TEST_CASE("concurrency and rate of a queue are set, one without the other, and outlive the server") {
  RunningApi server;
  const auto made = put(server, "q", R"({"concurrency":5,"rate":"100/m"})");
  CHECK(made.status == 200);
  CHECK(made.body == R"({"data":{"name":"q","paused":false,"concurrency":5,"rate":"100/m","pending":0,"running":0}})");
  CHECK(put(server, "q", R"({"concurrency":6.0})").json().at("data").at("rate") == "100/m");
  CHECK(put(server, "q", R"({"rate":"1/h"})").json().at("data").at("concurrency") == 6);
  server.restart();
  CHECK(show(server, "q").at("rate") == "1/h");
  CHECK(put(server, "q", R"({"rate":null})").json().at("data").at("rate").is_null());
  CHECK(put(server, "q", "{}").json().at("data").at("concurrency") == 6);
}

TEST_CASE("what GET gave of a queue can be put back") {
  RunningApi server;
  put(server, "q", R"({"concurrency":5,"rate":"100/m"})");
  pause(server, "q");
  const auto given = boost::json::serialize(show(server, "q"));
  const auto put_back = put(server, "q", given);
  CHECK(put_back.status == 200);
  CHECK(boost::json::serialize(put_back.json().at("data")) == given);
}

TEST_CASE("settings of a queue are checked") {
  RunningApi server;
  const auto refused = [&](std::string_view body, std::string_view field, std::string_view problem) {
    INFO(body);
    const auto reply = put(server, "q", body);
    CHECK(reply.status == 422);
    CHECK(reply.error_code() == "validation_error");
    CHECK(reply.detail(field) == problem);
  };
  refused(R"({"concurrency":0})", "concurrency", "must be greater than or equal to 1");
  refused(R"({"concurrency":18446744073709551616})", "concurrency", "must be less than or equal to 100");
  refused(R"({"concurrency":-1})", "concurrency", "must be greater than or equal to 1");
  refused(R"({"concurrency":101})", "concurrency", "must be less than or equal to 100");
  refused(R"({"concurrency":18446744073709551615})", "concurrency", "must be less than or equal to 100");
  refused(R"({"concurrency":null})", "concurrency", "can't be blank");
  for (const auto* value : {R"("2")", "1.5", "true", "[]", "{}"}) {
    refused(std::string(R"({"concurrency":)") + value + "}", "concurrency", "is invalid");
  }
  for (const auto* value : {R"("")", R"("10")", R"("0/s")", R"("10/d")", R"("ten/s")", "10", "false", "{}"}) {
    refused(std::string(R"({"rate":)") + value + "}", "rate", "is invalid");
  }
  refused(R"({"conccurrency":2})", "conccurrency", "is not a known field");
  refused(R"({"task":{"concurrency":2}})", "task", "is not a known field");
  const auto both = put(server, "q", R"({"concurrency":0,"rate":"x"})");
  CHECK(both.detail("concurrency") == "must be greater than or equal to 1");
  CHECK(both.detail("rate") == "is invalid");
  CHECK(put(server, "q", "[]").error_code() == "invalid_params");
  CHECK(put(server, "q", "{").error_code() == "invalid_json");
  CHECK(server.client().get("/api/v1/queues/q").status == 404);
}

TEST_CASE("a queue is paused and resumed, and again") {
  RunningApi server;
  for (int i = 0; i < 2; ++i) {
    const auto reply = pause(server, "q");
    CHECK(reply.status == 200);
    CHECK(reply.body == R"({"data":{"name":"q","paused":true},"message":"Queue \"q\" paused"})");
  }
  CHECK(show(server, "q").at("paused") == true);
  for (int i = 0; i < 2; ++i) {
    const auto reply = resume(server, "q");
    CHECK(reply.status == 200);
    CHECK(reply.body == R"({"data":{"name":"q","paused":false},"message":"Queue \"q\" resumed"})");
  }
  CHECK(server.client().get("/api/v1/queues/q").status == 404);
}

TEST_CASE("a paused queue sends nothing until it is resumed, also after a restart") {
  RunningApi server;
  pause(server, "q");
  const auto id = server.create(task_in("q"));
  server.pass_by();
  CHECK(server.executions_of(id).at(0).at("status") == "pending");
  server.restart();
  server.pass_by();
  CHECK(server.executions_of(id).at(0).at("status") == "pending");
  resume(server, "q");
  server.run(id);
  CHECK(server.executions_of(id).at(0).at("status") == "success");
}

TEST_CASE("what is set for a queue is forgotten, and its tasks stay") {
  RunningApi server;
  put(server, "q", R"({"concurrency":5,"rate":"100/m"})");
  pause(server, "q");
  const auto id = server.create(task_in("q"));
  const auto reply = server.client().request("DELETE", "/api/v1/queues/q");
  CHECK(reply.status == 204);
  CHECK(reply.body.empty());
  server.run(id);
  CHECK(server.client().get("/api/v1/queues/q").status == 404);
  CHECK(server.client().request("DELETE", "/api/v1/queues/q").status == 404);
}

TEST_CASE("names of queues are percent-decoded after routing") {
  RunningApi server;
  for (const auto& [path, name] : std::vector<std::pair<std::string, std::string>>{
           {"a%2Fb", "a/b"},
           {"a%2fpause", "a/pause"},
           {"pause", "pause"},
           {"%E2%82%AC", "€"},
           {"a%20b+c", "a b+c"},
           {"%22%5C", "\"\\"},
           {"100%25", "100%"},
           {std::string(255, 'n'), std::string(255, 'n')},
       }) {
    INFO(name);
    const auto reply = pause(server, path);
    REQUIRE(reply.status == 200);
    CHECK(text_of(reply.json().at("data").at("name")) == name);
    CHECK(text_of(reply.json().at("message")) == "Queue \"" + name + "\" paused");
    const auto id = server.create(task_in(name, R"("delay":"1h",)"));
    CHECK(text_of(show(server, path).at("name")) == name);
    CHECK(show(server, path).at("pending") == 1);
    CHECK(resume(server, path).status == 200);
    CHECK(put(server, path, "{}").status == 200);
    CHECK(server.client().request("DELETE", "/api/v1/queues/" + path).status == 204);
  }
  for (const auto& path : std::vector<std::string>{"a/b", "%ff", "%00", "a%2", std::string(256, 'n'), ""}) {
    INFO(path);
    CHECK(pause(server, path).status == 404);
    CHECK(server.client().get("/api/v1/queues/" + path).status == 404);
  }
  CHECK(server.client().post("/api/v1/queues/q", "").status == 405);
  CHECK(server.client().get("/api/v1/queues/q/pause").status == 405);
}

TEST_CASE("a wide queue runs so many of its tasks at once, in order") {
  RunningApi server;
  put(server, "q", R"({"concurrency":2})");
  std::vector<std::string> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(server.create(task_in("q")));
  const auto first = server.send(tasks[0]);
  server.send(tasks[1]);
  server.pass_by();
  CHECK(server.executions_of(tasks[2]).at(0).at("status") == "pending");
  CHECK(show(server, "q").at("running") == 2);
  server.finish(first, 200);
  server.send(tasks[2]);
}
