#include <array>
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr const char* task = R"({"url":"https://example.com"})";

}  // namespace

TEST_CASE("a repeated request is answered as the first one") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k1"}};
  const auto first = server.client().post("/api/v1/tasks", task, key);
  const auto second = server.client().post("/api/v1/tasks", task, key);
  CHECK_FALSE(first.header("Idempotent-Replayed"));
  CHECK(second.status == first.status);
  CHECK(second.body == first.body);
  CHECK(second.header("Idempotent-Replayed") == "true");
  CHECK(server.task_count() == 1);
}

TEST_CASE("every change can be repeated") {
  RunningApi server;
  const auto path = "/api/v1/tasks/" + server.create(task);
  int number = 0;
  for (const auto& [method, target, body] : std::vector<std::array<std::string, 3>>{
           {"PATCH", path, "{}"},
           {"PUT", path, "{}"},
           {"POST", path + "/trigger", ""},
           {"DELETE", path, ""},
           {"DELETE", "/api/v1/tasks?queue=q", ""},
       }) {
    INFO(method << ' ' << target);
    const HeaderList key{{"Idempotency-Key", std::to_string(++number)}};
    const auto first = server.client().request(method, target, body, key);
    const auto second = server.client().request(method, target, body, key);
    CHECK(first.status < 300);
    CHECK(second.status == first.status);
    CHECK(second.body == first.body);
    CHECK(second.header("Idempotent-Replayed") == "true");
  }
  CHECK(server.client().get(path).status == 404);
}

TEST_CASE("a key that was used for another request is 422") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  server.client().post("/api/v1/tasks", task, key);
  const auto changed = [&](const HttpReply& reply) {
    CHECK(reply.status == 422);
    CHECK(reply.error_code() == "idempotency_key_reused");
  };
  changed(server.client().post("/api/v1/tasks", std::string(task).append(" "), key));
  changed(server.client().post("/api/v1/tasks?a=b", task, key));
  changed(server.client().request("DELETE", "/api/v1/tasks?queue=q", "", key));
  changed(server.client().post("/api/v1/tasks", "{nonsense", key));
}

TEST_CASE("a stored reply is given before the request is checked again") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  const auto body = R"({"url":"https://example.com","run_at":"2026-01-15T12:00:00Z"})";
  CHECK(server.client().post("/api/v1/tasks", body, key).status == 202);
  server.clock.advance(std::chrono::hours{1});
  CHECK(server.client().post("/api/v1/tasks", body, key).status == 202);
}

TEST_CASE("keys are those of one organisation") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  const auto first = server.client().post("/api/v1/tasks", task, key);
  const auto other = server.client(other_key).post("/api/v1/tasks", task, key);
  CHECK(other.status == 202);
  CHECK_FALSE(other.header("Idempotent-Replayed"));
  CHECK(other.body != first.body);
}

TEST_CASE("an empty key is none") {
  RunningApi server;
  for (int i = 0; i < 2; ++i)
    CHECK(server.client().post("/api/v1/tasks", task, {{"Idempotency-Key", ""}}).status == 202);
  CHECK(server.task_count() == 2);
}

TEST_CASE("a key of 255 bytes is taken, a longer one is 400") {
  RunningApi server;
  CHECK(server.client().post("/api/v1/tasks", task, {{"Idempotency-Key", std::string(255, 'k')}}).status == 202);
  const auto reply = server.client().post("/api/v1/tasks", task, {{"Idempotency-Key", std::string(256, 'k')}});
  CHECK(reply.status == 400);
  CHECK(reply.error_code() == "bad_request");
}

TEST_CASE("a refused request does not use its key up") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  CHECK(server.client().post("/api/v1/tasks", "{}", key).status == 422);
  CHECK(server.client().post("/api/v1/tasks", task, key).status == 202);
}

TEST_CASE("a key on a read is ignored") {
  RunningApi server;
  CHECK(server.client().get("/api/v1/tasks", {{"Idempotency-Key", std::string(300, 'k')}}).status == 200);
}
