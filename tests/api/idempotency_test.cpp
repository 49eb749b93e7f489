#include <array>
#include <catch2/catch.hpp>
#include <future>
#include <set>

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
           {"POST", "/api/v1/tasks/batch", R"({"url":"https://example.com","items":[1,2]})"},
           {"PUT", "/api/v1/sync", R"({"tasks":[{"name":"a","url":"https://example.com","cron":"@daily"}]})"},
           {"POST", path + "/trigger", ""},
           {"DELETE", path, ""},
           {"DELETE", "/api/v1/tasks?queue=q", ""},
           {"PUT", "/api/v1/queues/q", R"({"concurrency":2})"},
           {"POST", "/api/v1/queues/q/pause", ""},
           {"POST", "/api/v1/queues/q/resume", ""},
           {"DELETE", "/api/v1/queues/q", ""},
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

TEST_CASE("a key is forgotten after a day") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  const auto first = server.client().post("/api/v1/tasks", task, key);
  server.clock.advance(std::chrono::hours{24} - seconds{1});
  CHECK(server.client().post("/api/v1/tasks", task, key).body == first.body);
  server.clock.advance(seconds{2});
  const auto later = server.client().post("/api/v1/tasks", R"({"url":"https://example.com/other"})", key);
  CHECK(later.status == 202);
  CHECK_FALSE(later.header("Idempotent-Replayed"));
  CHECK(server.task_count() == 2);
}

TEST_CASE("a key outlives the server") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  const auto first = server.client().post("/api/v1/tasks", task, key);
  server.restart();
  const auto second = server.client().post("/api/v1/tasks", task, key);
  CHECK(second.body == first.body);
  CHECK(second.header("Idempotent-Replayed") == "true");
  CHECK(server.task_count() == 1);
}

TEST_CASE("of many equal requests at once one is done and all are answered with it") {
  RunningApi server;
  const auto path = "/api/v1/tasks/" + server.create(R"({"url":"https://example.com","delay":"1h","queue":"q"})");
  int number = 0;
  for (const auto& [method, target, body] : std::vector<std::array<std::string, 3>>{
           {"POST", "/api/v1/tasks", task},
           {"POST", path + "/trigger", ""},
           {"PATCH", path, R"({"delay":"2h"})"},
           {"POST", "/api/v1/tasks/batch", R"({"url":"https://example.com","delay":"1h","items":[1,2]})"},
           {"PUT", "/api/v1/sync", R"({"tasks":[{"name":"a","url":"https://example.com","cron":"@daily"}]})"},
           {"DELETE", path, ""},
           {"DELETE", "/api/v1/tasks?queue=q", ""},
           {"PUT", "/api/v1/queues/q", R"({"concurrency":2})"},
           {"POST", "/api/v1/queues/q/pause", ""},
           {"POST", "/api/v1/queues/q/resume", ""},
           {"DELETE", "/api/v1/queues/q", ""},
       }) {
    INFO(method << ' ' << target);
    const HeaderList key{{"Idempotency-Key", std::to_string(++number)}};
    std::vector<std::future<HttpReply>> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(std::async(std::launch::async, [&, method = method, target = target, body = body] {
        return server.client().request(method, target, body, key);
      }));
    }
    std::set<std::pair<int, std::string>> replies;
    int replayed = 0;
    for (auto& client : clients) {
      const auto reply = client.get();
      replies.emplace(reply.status, reply.body);
      if (reply.header("Idempotent-Replayed") == "true") ++replayed;
    }
    CHECK(replies.size() == 1);
    CHECK(replies.begin()->first < 300);
    CHECK(replayed == 7);
  }
  CHECK(server.task_count() == 4);
  CHECK(server.get("/api/v1/executions").as_array().size() == 5);
}

TEST_CASE("a key may be any bytes") {
  RunningApi server;
  for (const std::string key : {"caf\xe9", "\xff\xfe", "a\\b'\"{},NULL", "\xf0\x9f\x98\x80", "null"}) {
    const auto first = server.client().post("/api/v1/tasks", task, {{"Idempotency-Key", key}});
    CHECK(first.status == 202);
    CHECK(server.client().post("/api/v1/tasks", task, {{"Idempotency-Key", key}}).body == first.body);
  }
  CHECK(server.task_count() == 5);
}

TEST_CASE("what was refused is not stored for its key") {
  RunningApi server;
  const auto id = server.create(task);
  server.run(id);
  const auto request = [&](const std::string& method, const std::string& target, const std::string& body) {
    return server.client().request(method, target, body, {{"Idempotency-Key", "k"}});
  };
  for (int i = 0; i < 2; ++i) {
    const auto conflict = request("PATCH", "/api/v1/tasks/" + id, R"({"delay":"1h"})");
    CHECK(conflict.status == 409);
    CHECK_FALSE(conflict.header("Idempotent-Replayed"));
    const auto missing = request("DELETE", "/api/v1/tasks/01890000-0000-7000-8000-000000000000", "");
    CHECK(missing.status == 404);
    CHECK_FALSE(missing.header("Idempotent-Replayed"));
  }
  CHECK(request("PATCH", "/api/v1/tasks/" + id, R"({"name":"new"})").status == 200);
}

TEST_CASE("a repeated change does nothing again") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","delay":"1h","queue":"q"})");
  const HeaderList rename{{"Idempotency-Key", "rename"}};
  CHECK(server.client().request("PATCH", "/api/v1/tasks/" + id, R"({"name":"first"})", rename).status == 200);
  CHECK(server.patch(id, R"({"name":"second"})").status == 200);
  const auto again = server.client().request("PATCH", "/api/v1/tasks/" + id, R"({"name":"first"})", rename);
  CHECK(again.json().at("data").at("name") == "first");
  CHECK(server.task(id).at("name") == "second");
  const HeaderList clear{{"Idempotency-Key", "clear"}};
  const auto cleared = server.client().request("DELETE", "/api/v1/tasks?queue=q", "", clear);
  CHECK(cleared.json().at("data").at("cancelled") == 1);
  server.create(R"({"url":"https://example.com","delay":"1h","queue":"q"})");
  CHECK(server.client().request("DELETE", "/api/v1/tasks?queue=q", "", clear).body == cleared.body);
  CHECK(server.task_count() == 1);
}
