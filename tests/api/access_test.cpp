// Who may ask, and for what.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

int status_with(const RunningApi& server, const std::string& authorization) {
  return server.client("").get("/api/v1/tasks", {{"Authorization", authorization}}).status;
}

}  // namespace

TEST_CASE("a request without a valid key is 401") {
  RunningApi server;
  const auto reply = server.client("").get("/api/v1/tasks");
  CHECK(reply.status == 401);
  CHECK(reply.body == R"({"error":{"code":"unauthorized","message":"Invalid or missing API key"}})");
  CHECK(reply.header("WWW-Authenticate") == "Bearer");
  const std::string key(first_key);
  CHECK(status_with(server, "Bearer nonsense") == 401);
  CHECK(status_with(server, "Bearer") == 401);
  CHECK(status_with(server, "Bearer ") == 401);
  CHECK(status_with(server, "Basic " + key) == 401);
  CHECK(status_with(server, key) == 401);
  CHECK(status_with(server, "Bearer " + key + "x") == 401);
}

TEST_CASE("the scheme of the key is read in any case") {
  RunningApi server;
  const std::string key(first_key);
  CHECK(status_with(server, "bearer " + key) == 200);
  CHECK(status_with(server, "BEARER   " + key) == 200);
}

TEST_CASE("two Authorization fields are 401") {
  RunningApi server;
  const std::string key = "Bearer " + std::string(first_key);
  CHECK(server.client("").get("/api/v1/tasks", {{"Authorization", key}, {"Authorization", key}}).status == 401);
}

TEST_CASE("a wrong key is 401 before anything of the request is checked") {
  RunningApi server;
  CHECK(server.client("").post("/api/v1/tasks", "{nonsense").status == 401);
  CHECK(server.client("").request("POST", "/api/v1/tasks", "x", {{"Content-Type", "text/plain"}}).status == 401);
}

TEST_CASE("a key that was revoked is refused before long") {
  RunningApi server;
  CHECK(server.client().get("/api/v1/tasks").status == 200);
  REQUIRE(server.storage().directory().revoke_key(first_key.substr(0, 32), server.clock.now()));
  server.clock.advance(seconds{5});
  CHECK(server.client().get("/api/v1/tasks").status == 401);
  CHECK(server.client(other_key).get("/api/v1/tasks").status == 200);
}

TEST_CASE("another organisation's things are not found") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","delay":"1h","queue":"q"})");
  const auto before = server.task(id);
  const auto execution = text_of(server.executions_of(id).at(0).at("id"));
  const auto other = server.client(other_key);
  const auto task = "/api/v1/tasks/" + id;
  for (const auto& reply :
       {other.get(task), other.get(task + "/executions"), other.get("/api/v1/executions?task_id=" + id),
        other.get("/api/v1/executions/" + execution), other.request("PATCH", task, R"({"name":"mine"})"),
        other.request("PUT", task, R"({"name":"mine"})"), other.request("DELETE", task),
        other.post(task + "/trigger", ""), other.post("/api/v1/executions/" + execution + "/cancel", ""),
        other.post("/api/v1/executions/" + execution + "/retry", ""), other.get("/api/v1/queues/q")}) {
    CHECK(reply.status == 404);
    CHECK(reply.body == R"({"error":{"code":"not_found","message":"Resource not found"}})");
  }
  CHECK(other.request("DELETE", "/api/v1/tasks?queue=q").json().at("data").at("cancelled") == 0);
  CHECK(other.get("/api/v1/tasks").json().at("data").as_array().empty());
  CHECK(other.get("/api/v1/executions").json().at("data").as_array().empty());
  CHECK(other.get("/api/v1/audit?subject=q").json().at("data").as_array().empty());
  CHECK(other.post("/api/v1/queues/q/pause", "").status == 200);
  CHECK_FALSE(server.get("/api/v1/queues/q").at("paused").as_bool());
  CHECK(server.task(id) == before);
  CHECK(server.executions_of(id).size() == 1);
}
