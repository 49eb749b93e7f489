#include <catch2/catch.hpp>

#include "support/running_frontend.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr const char* task = R"({"url":"https://example.com"})";

}  // namespace

TEST_CASE("a path that is not there is 404") {
  RunningFrontend server;
  for (const std::string path :
       {"/", "/api/v1", "/api/v1/nothing", "/api/v1/tasks/", "/api/v1/tasks//trigger", "/api/v2/tasks", "/tasks",
        "/api/v1/tasks/batch/x", "/api/v1/queues/a/b", "//", "/api/v1/health"}) {
    INFO(path);
    const auto reply = server.client().get(path);
    CHECK(reply.status == 404);
    CHECK(reply.body == R"({"error":{"code":"not_found","message":"Resource not found"}})");
  }
}

TEST_CASE("a method that a path does not have is 405 with Allow") {
  RunningFrontend server;
  const auto reply = server.client().request("PUT", "/api/v1/tasks", "{}");
  CHECK(reply.status == 405);
  CHECK(reply.error_code() == "method_not_allowed");
  CHECK(reply.header("Allow") == "GET, HEAD, POST, DELETE, OPTIONS");
  CHECK(server.client().request("TRACE", "/health").header("Allow") == "GET, HEAD, OPTIONS");
  CHECK(server.client().request("get", "/health").status == 405);
  CHECK(server.client().get("/api/v1/sync").status == 405);
}

TEST_CASE("OPTIONS tells the methods of a path") {
  RunningFrontend server;
  const auto reply = server.client("").request("OPTIONS", "/api/v1/tasks/x");
  CHECK(reply.status == 204);
  CHECK(reply.header("Allow") == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
  CHECK_FALSE(reply.header("Access-Control-Allow-Origin"));
  CHECK(server.client("").request("OPTIONS", "/nowhere").status == 404);
  CHECK(server.client("").request("OPTIONS", "*").status == 204);
}

TEST_CASE("HEAD is GET without the body") {
  RunningFrontend server;
  auto connection = server.connect();
  const auto get = connection.request("GET", "/api/v1/tasks", server.client().authorization());
  const auto head = connection.request("HEAD", "/api/v1/tasks", server.client().authorization());
  CHECK(head.status == 200);
  CHECK(head.header("Content-Length") == std::to_string(get.body.size()));
  CHECK(connection.request("GET", "/health").status == 200);
}

TEST_CASE("bodies that are not JSON by their type are 415") {
  RunningFrontend server;
  const auto status = [&](const std::string& type) {
    return server.client().request("POST", "/api/v1/tasks", task, {{"Content-Type", type}}).status;
  };
  CHECK(status("application/json") == 202);
  CHECK(status("Application/JSON; charset=utf-8") == 202);
  CHECK(status("application/vnd.example+json") == 202);
  CHECK(status("text/plain") == 415);
  CHECK(status("application/x-www-form-urlencoded") == 415);
  CHECK(status("application/jsonx") == 415);
  CHECK(status("+json") == 415);
  CHECK(server.connect().request("POST", "/api/v1/tasks", server.client().authorization(), task).status == 202);
}

TEST_CASE("a body's type does not matter where there is none") {
  RunningFrontend server;
  const HeaderList form{{"Content-Type", "application/x-www-form-urlencoded"}};
  CHECK(server.client().get("/api/v1/tasks", form).status == 200);
  const auto id = server.create(task);
  CHECK(server.client().request("POST", "/api/v1/tasks/" + id + "/trigger", "", form).status == 202);
}

TEST_CASE("a client that takes no JSON gets 406") {
  RunningFrontend server;
  const auto status = [&](const std::string& accept) {
    return server.client().get("/api/v1/tasks", {{"Accept", accept}}).status;
  };
  CHECK(status("*/*") == 200);
  CHECK(status("application/*") == 200);
  CHECK(status("text/html, application/json;q=0.5") == 200);
  CHECK(status("text/html,application/xhtml+xml,*/*;q=0.8") == 200);
  CHECK(status("text/html") == 406);
  CHECK(status("application/json;q=0") == 406);
  CHECK(status("application/json;q=0.0, */*") == 406);
  CHECK(status("application/xml") == 406);
}

TEST_CASE("what a client takes may stand on several lines") {
  RunningFrontend server;
  const auto status = [&](const std::string& first, const std::string& second) {
    return server.client().get("/api/v1/tasks", {{"Accept", first}, {"accept", second}}).status;
  };
  CHECK(status("text/html", "application/json") == 200);
  CHECK(status("text/html", "*/*;q=0.1") == 200);
  CHECK(status("*/*", "application/json;q=0") == 406);
  CHECK(status("text/html", "application/xml") == 406);
  CHECK(status("", "text/html") == 406);
}

TEST_CASE("a body without any length is 411 where one is required") {
  RunningFrontend server;
  auto connection = server.connect();
  const auto send = [&](const std::string& line) {
    connection.send(line + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + std::string(first_key) + "\r\n\r\n");
    return connection.read();
  };
  CHECK(send("POST /api/v1/tasks").status == 411);
  CHECK(send("PATCH /api/v1/tasks/x").status == 411);
  CHECK(send("PUT /api/v1/tasks/x").error_code() == "length_required");
  CHECK(send("POST /api/v1/tasks/" + server.create(task) + "/trigger").status == 202);
  CHECK(send("DELETE /api/v1/tasks?queue=q").status == 200);
}

TEST_CASE("a chunked body is read whole") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.send(
      "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + std::string(first_key) +
      "\r\nTransfer-Encoding: chunked\r\n\r\nA;name=value\r\n{\"url\":\"ht\r\n15\r\ntps://example.com/x\"}\r\n"
      "0\r\nTrailer: x\r\n\r\n");
  CHECK(connection.read().status == 202);
  CHECK(connection.request("GET", "/health").status == 200);
}

TEST_CASE("a body over the limit is 413") {
  RunningFrontend server({{"http.max_request_bytes", "1000"}});
  const auto reply = server.client().post("/api/v1/tasks", std::string(1001, ' '));
  CHECK(reply.status == 413);
  CHECK(reply.error_code() == "payload_too_large");
  CHECK(server.client().post("/api/v1/tasks", std::string(1000, ' ')).status == 400);
}

TEST_CASE("a connection goes on after a small body that was too large") {
  RunningFrontend server({{"http.max_request_bytes", "1000"}});
  auto connection = server.connect();
  CHECK(connection.request("POST", "/api/v1/tasks", server.client().authorization(), std::string(5000, ' ')).status ==
        413);
  CHECK(connection.request("GET", "/health").status == 200);
}

TEST_CASE("a client that sends far too much still gets its 413") {
  RunningFrontend server;
  auto connection = server.connect();
  const auto reply =
      connection.request("POST", "/api/v1/tasks", server.client().authorization(), std::string(9'000'000, ' '));
  CHECK(reply.status == 413);
  CHECK(reply.header("Connection") == "close");
}

TEST_CASE("chunks over the limit are 413") {
  RunningFrontend server({{"http.max_request_bytes", "1000"}});
  auto connection = server.connect();
  connection.send("POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + std::string(first_key) +
                  "\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFF\r\n");
  CHECK(connection.read().status == 413);
}

TEST_CASE("a client that waits for 100 Continue is told to go on") {
  RunningFrontend server;
  auto connection = server.connect();
  const std::string head = "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: " +
                           std::to_string(std::string(task).size()) + "\r\n";
  connection.send(head + "Authorization: Bearer " + std::string(first_key) + "\r\n\r\n");
  CHECK(connection.read().status == 100);
  connection.send(task);
  CHECK(connection.read().status == 202);
}

TEST_CASE("a client that waits for 100 Continue without a key gets 401 at once") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.send("POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n");
  const auto reply = connection.read();
  CHECK(reply.status == 401);
  CHECK(reply.header("Connection") == "close");
}

TEST_CASE("a body that nobody reads is dropped and the connection goes on") {
  RunningFrontend server;
  auto connection = server.connect();
  CHECK(connection.request("POST", "/api/v1/tasks", {}, std::string(100000, 'x')).status == 401);
  CHECK(connection.request("GET", "/health", {}, "not looked at").status == 200);
  CHECK(connection.request("GET", "/health").status == 200);
}

TEST_CASE("segments of a path are decoded after routing") {
  RunningFrontend server;
  const auto id = server.create(task);
  CHECK(server.client().get("/api/v1/tasks/%30" + id.substr(1)).status == 200);
  CHECK(server.client().get("/api/v1/tasks%2F" + id).status == 404);
  CHECK(server.client().get("/api/v1/tasks/%zz").status == 404);
  CHECK(server.client().get("/api/v1/tasks/%ff").error_message() == "Resource not found");
  CHECK(server.client().get("/api/v1/tasks/%00").error_message() == "Resource not found");
}

TEST_CASE("an absolute URL is a target, too") {
  RunningFrontend server;
  CHECK(server.client().get("http://example.com/health").status == 200);
  CHECK(server.client().get("HTTPS://example.com:8080/health?x=y").status == 200);
  CHECK(server.client().get("http://example.com").status == 404);
}

TEST_CASE("origins that are configured may call the API") {
  RunningFrontend server({{"http.cors_origins", "https://app.example,https://b.example"}});
  const auto reply = server.client().get("/api/v1/tasks", {{"Origin", "https://b.example"}});
  CHECK(reply.header("Access-Control-Allow-Origin") == "https://b.example");
  CHECK(reply.header("Vary") == "Origin");
  CHECK_FALSE(
      server.client().get("/api/v1/tasks", {{"Origin", "https://evil.example"}}).header("Access-Control-Allow-Origin"));
  CHECK(
      server.client("").get("/api/v1/tasks", {{"Origin", "https://b.example"}}).header("Access-Control-Allow-Origin"));
  const auto preflight = server.client("").request(
      "OPTIONS", "/api/v1/tasks", "", {{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "POST"}});
  CHECK(preflight.status == 204);
  CHECK(preflight.header("Access-Control-Allow-Methods") == "GET, HEAD, POST, DELETE, OPTIONS");
  CHECK(preflight.header("Access-Control-Allow-Headers") == "Authorization, Content-Type, Idempotency-Key");
}

TEST_CASE("every reply has a date and a length") {
  RunningFrontend server;
  const auto reply = server.client("").get("/nowhere");
  CHECK(reply.header("Content-Length") == std::to_string(reply.body.size()));
  CHECK(reply.header("Date")->ends_with(" GMT"));
}

TEST_CASE("a reply without content tells no length, and the connection goes on") {
  RunningFrontend server;
  auto connection = server.connect();
  for (int i = 0; i < 2; ++i) {
    const auto reply = connection.request("OPTIONS", "/api/v1/tasks");
    CHECK(reply.status == 204);
    CHECK_FALSE(reply.header("Content-Length"));
    CHECK_FALSE(reply.header("Connection"));
    CHECK(reply.header("Date"));
  }
  CHECK(connection.request("GET", "/health").status == 200);
}
