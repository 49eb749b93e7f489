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
