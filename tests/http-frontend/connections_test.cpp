// Many connections, idle ones, slow ones, and the end of the server.
#include <catch2/catch.hpp>

#include <condition_variable>
#include <future>
#include <mutex>

#include "support/running_frontend.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr const char* task = R"({"url":"https://example.com"})";

// Holds requests in create_task until they are let through.
class Barrier {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    passed_.wait(lock, [&] { return open_ || tickets_ > 0; });
    if (!open_) --tickets_;
  }
  void let_one_through() {
    const std::lock_guard lock(mutex_);
    ++tickets_;
    passed_.notify_one();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    passed_.notify_all();
  }
  // How many have come so far.
  [[nodiscard]] int waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable passed_;
  bool open_ = false;
  int tickets_ = 0;
  int waiting_ = 0;
};

std::string create_text() {
  return request_text("POST", "/api/v1/tasks", {{"Authorization", "Bearer " + std::string(first_key)}}, task);
}

// A server whose creations wait at the barrier.
struct HeldFrontend {
  explicit HeldFrontend(Changes changes = {}) : server(changes) {
    server.engine.before_create = [this] { barrier.wait(); };
  }
  ~HeldFrontend() { barrier.open(); }

  Barrier barrier;
  RunningFrontend server;
};

}  // namespace

TEST_CASE("a connection serves one request after the other") {
  RunningFrontend server;
  auto connection = server.connect();
  for (int i = 0; i < 20; ++i) {
    CHECK(connection.request("POST", "/api/v1/tasks", server.client().authorization(), task).status == 202);
  }
  CHECK(server.engine.task_count() == 20);
}

TEST_CASE("pipelined requests are answered in their order") {
  RunningFrontend server;
  auto connection = server.connect();
  std::string text;
  for (int i = 0; i < 10; ++i) text += create_text() + request_text("GET", "/nowhere", {}, {});
  connection.send(text);
  for (int i = 0; i < 10; ++i) {
    CHECK(connection.read().status == 202);
    CHECK(connection.read().status == 404);
  }
}

TEST_CASE("a connection ends after its reply when the client asks for it") {
  RunningFrontend server;
  auto connection = server.connect();
  CHECK(connection.request("GET", "/health", {{"Connection", "Close"}}).header("Connection") == "close");
  CHECK(connection.ends_within(seconds{5}));
}

TEST_CASE("an HTTP/1.0 connection ends unless it asks to stay") {
  RunningFrontend server;
  auto one = server.connect();
  one.send("GET /health HTTP/1.0\r\n\r\n");
  CHECK(one.read().header("Connection") == "close");
  CHECK(one.ends_within(seconds{5}));
  auto two = server.connect();
  two.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(two.read().header("Connection") == "keep-alive");
  CHECK(two.request("GET", "/health").status == 200);
}

TEST_CASE("an idle connection ends after its time") {
  RunningFrontend server({{"http.idle_timeout", "100ms"}});
  auto fresh = server.connect();
  auto used = server.connect();
  CHECK(used.request("GET", "/health").status == 200);
  CHECK(used.ends_within(seconds{5}));
  CHECK(fresh.ends_within(seconds{5}));
}

TEST_CASE("more connections than threads are all served, and none is ended") {
  RunningFrontend server({{"http.max_threads", "4"}, {"http.max_queue_time", "10s"}});
  std::vector<HttpConnection> connections;
  for (int i = 0; i < 30; ++i) connections.push_back(server.connect());
  for (int round = 0; round < 5; ++round) {
    for (auto& connection : connections) connection.send(create_text());
    for (auto& connection : connections) {
      const auto reply = connection.read();
      CHECK(reply.status == 202);
      CHECK_FALSE(reply.header("Connection"));
    }
  }
  CHECK(server.engine.task_count() == 150);
}

TEST_CASE("connections that say nothing, or not enough, take no thread") {
  RunningFrontend server({{"http.max_threads", "2"}});
  std::vector<HttpConnection> silent;
  for (int i = 0; i < 20; ++i) {
    silent.push_back(server.connect());
    if (i % 2 == 0) silent.back().send("POST /api/v1/tasks HTTP/1.1\r\nHo");
  }
  for (int i = 0; i < 20; ++i) CHECK(server.client().get("/api/v1/tasks").status == 200);
}

TEST_CASE("a body that nobody reads takes no thread while it comes") {
  RunningFrontend server({{"http.max_threads", "2"}});
  std::vector<HttpConnection> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(server.connect());
    slow.back().send("POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n12");
    CHECK(slow.back().read().status == 401);
  }
  for (int i = 0; i < 20; ++i) CHECK(server.client().get("/api/v1/tasks").status == 200);
  for (auto& connection : slow) {
    connection.send("34");
    CHECK(connection.request("GET", "/health").status == 200);
  }
}

TEST_CASE("a request that has waited too long for a thread is 503, its connection goes on, and probes are answered") {
  HeldFrontend held({{"http.max_threads", "2"}, {"http.max_queue_time", "50ms"}});
  std::vector<HttpConnection> busy;
  for (int i = 0; i < 2; ++i) {
    busy.push_back(held.server.connect());
    busy.back().send(create_text());
  }
  REQUIRE(eventually([&] { return held.barrier.waiting() == 2; }));
  auto late = held.server.connect();
  for (int i = 0; i < 3; ++i) {
    late.send(create_text());
    const auto reply = late.read();
    CHECK(reply.status == 503);
    CHECK(reply.error_code() == "service_unavailable");
    CHECK(reply.header("Retry-After") == "1");
    CHECK_FALSE(reply.header("Connection"));
  }
  CHECK(late.request("GET", "/health").status == 200);
  CHECK(held.server.host.metrics().count("punctual_http_requests_refused_total") == 3);
  held.barrier.open();
  for (auto& connection : busy) CHECK(connection.read().status == 202);
  late.send(create_text());
  CHECK(late.read().status == 202);
  CHECK(held.server.engine.task_count() == 3);
}

TEST_CASE("connections beyond the limit are told so with 503 unless one is idle") {
  HeldFrontend held({{"http.max_connections", "3"}});
  std::vector<HttpConnection> busy;
  for (int i = 0; i < 3; ++i) {
    busy.push_back(held.server.connect());
    busy.back().send(create_text());
  }
  REQUIRE(eventually([&] { return held.barrier.waiting() == 3; }));
  for (int i = 0; i < 3; ++i) {
    auto refused = held.server.connect();
    refused.send(create_text());
    const auto reply = refused.read();
    CHECK(reply.status == 503);
    CHECK(reply.error_code() == "service_unavailable");
    CHECK(reply.header("Retry-After") == "1");
    CHECK(reply.header("Connection") == "close");
    CHECK(refused.ends_within(seconds{5}));
  }
  CHECK(held.server.host.metrics().count("punctual_http_connections_refused_total") == 3);
  held.barrier.open();
  for (auto& connection : busy) CHECK(connection.read().status == 202);
  // Idle for a second, the one that was served first gives way.
  REQUIRE(eventually([&] { return held.server.connect().request("GET", "/health").status == 200; }));
  CHECK(held.server.host.metrics().count("punctual_http_idle_connections_ended_total") >= 1);
}

TEST_CASE("requests beyond the number handled at once are 503, probes are not") {
  HeldFrontend held({{"http.max_threads", "8"}, {"http.max_concurrent_requests", "2"}});
  std::vector<HttpConnection> busy;
  for (int i = 0; i < 2; ++i) {
    busy.push_back(held.server.connect());
    busy.back().send(create_text());
  }
  REQUIRE(eventually([&] { return held.barrier.waiting() == 2; }));
  const auto reply = held.server.client().get("/api/v1/tasks");
  CHECK(reply.status == 503);
  CHECK(reply.header("Retry-After") == "1");
  CHECK(held.server.client().get("/health").status == 200);
  held.barrier.open();
  for (auto& connection : busy) CHECK(connection.read().status == 202);
  CHECK(held.server.client().get("/api/v1/tasks").status == 200);
}

TEST_CASE("clients that are slow with a body are ended while others wait") {
  RunningFrontend server({{"http.max_threads", "4"}, {"http.body_timeout", "60s"}});
  std::vector<HttpConnection> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(server.connect());
    slow.back().send(create_text().substr(0, create_text().size() - 5));
  }
  // Each asks for a thread until there is one.
  REQUIRE(eventually([&] { return server.client().get("/api/v1/tasks").status == 200; }));
  int ended = 0;
  for (auto& connection : slow) {
    if (!connection.readable_within(milliseconds{0})) continue;
    CHECK(connection.read().status == 400);
    ++ended;
  }
  CHECK(ended >= 1);
}

TEST_CASE("many clients at once are all served") {
  RunningFrontend server({{"http.max_threads", "8"}, {"http.max_queue_time", "10s"}});
  std::vector<std::future<int>> clients;
  for (int i = 0; i < 24; ++i) {
    clients.push_back(std::async(std::launch::async, [&] {
      int served = 0;
      for (int request = 0; request < 10; ++request)
        served += server.client().post("/api/v1/tasks", task).status == 202;
      return served;
    }));
  }
  for (auto& client : clients) CHECK(client.get() == 10);
}

TEST_CASE("stop lets a request under way end and closes idle connections") {
  HeldFrontend held;
  auto busy = held.server.connect();
  busy.send(create_text());
  auto idle = held.server.connect();
  CHECK(idle.request("GET", "/health").status == 200);
  REQUIRE(eventually([&] { return held.barrier.waiting() == 1; }));
  auto stopped = std::async(std::launch::async, [&] { held.server.frontend.stop(seconds{5}); });
  CHECK(idle.ends_within(seconds{5}));
  CHECK(stopped.wait_for(milliseconds{50}) == std::future_status::timeout);
  held.barrier.open();
  const auto reply = busy.read();
  CHECK(reply.status == 202);
  CHECK(reply.header("Connection") == "close");
  CHECK(stopped.wait_for(seconds{5}) == std::future_status::ready);
}

TEST_CASE("while stopping new connections are answered 503") {
  HeldFrontend held;
  auto busy = held.server.connect();
  busy.send(create_text());
  REQUIRE(eventually([&] { return held.barrier.waiting() == 1; }));
  auto idle = held.server.connect();
  CHECK(idle.request("GET", "/health").status == 200);
  auto stopped = std::async(std::launch::async, [&] { held.server.frontend.stop(seconds{5}); });
  REQUIRE(idle.ends_within(seconds{5}));
  auto late = held.server.connect();
  late.send(create_text());
  CHECK(late.read().status == 503);
  held.barrier.open();
  CHECK(busy.read().status == 202);
}

TEST_CASE("stop ends clients that do not end by themselves") {
  auto server = std::make_unique<RunningFrontend>();
  auto slow = server->connect();
  slow.send("POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nAuthorization: Bearer " +
            std::string(first_key) + "\r\n\r\n");
  auto half = server->connect();
  half.send("GET /");
  const auto begin = std::chrono::steady_clock::now();
  server->frontend.stop(milliseconds{100});
  CHECK(std::chrono::steady_clock::now() - begin < seconds{3});
}

TEST_CASE("a frontend that was never started can be destroyed and stopped") {
  FakeHost host;
  HttpFrontend frontend(settings_with({}), host);
  frontend.stop(milliseconds{0});
}
