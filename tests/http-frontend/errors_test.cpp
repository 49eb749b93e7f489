#include <catch2/catch.hpp>

#include "support/running_frontend.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr const char* task = R"({"url":"https://example.com"})";

template <class Thrown>
HttpReply reply_when_thrown(RunningFrontend& server, Thrown thrown) {
  server.engine.before_create = [thrown] { throw thrown; };
  return server.client().post("/api/v1/tasks?secret=in-the-query", task);
}

}  // namespace

TEST_CASE("what the engine throws becomes its status and code") {
  RunningFrontend server;
  const auto check = [](const HttpReply& reply, int status, std::string_view code) {
    CHECK(reply.status == status);
    CHECK(reply.error_code() == code);
  };
  check(reply_when_thrown(server, NotFound()), 404, "not_found");
  check(reply_when_thrown(server, Conflict("busy")), 409, "conflict");
  check(reply_when_thrown(server, KeyReused()), 422, "idempotency_key_reused");
  check(reply_when_thrown(server, Invalid("name", "has already been taken")), 422, "validation_error");
  check(reply_when_thrown(server, Unavailable("down", seconds{7})), 503, "service_unavailable");
  check(reply_when_thrown(server, Timeout("slow")), 503, "service_unavailable");
  check(reply_when_thrown(server, Corrupt("bits")), 500, "internal");
  check(reply_when_thrown(server, std::runtime_error("bug")), 500, "internal");
  check(reply_when_thrown(server, 5), 500, "internal");
}

TEST_CASE("503 says when to try again") {
  RunningFrontend server;
  CHECK(reply_when_thrown(server, Unavailable("down", seconds{7})).header("Retry-After") == "7");
  CHECK(reply_when_thrown(server, Unavailable("down", seconds{0})).header("Retry-After") == "1");
  CHECK(reply_when_thrown(server, Timeout("slow")).header("Retry-After") == "1");
}

TEST_CASE("an internal error tells the client nothing and the log the route, not the request") {
  RunningFrontend server;
  const auto reply = reply_when_thrown(server, std::runtime_error("broken\ninvariant"));
  CHECK(reply.body == R"({"error":{"code":"internal","message":"Internal server error"}})");
  const auto id = reply.header("X-Request-Id");
  REQUIRE(id);
  REQUIRE(server.host.lines().size() == 1);
  CHECK(server.host.lines()[0] == "request " + *id + " POST /api/v1/tasks failed: broken invariant");
}

TEST_CASE("a connection goes on after an internal error") {
  RunningFrontend server;
  server.engine.before_create = [] { throw std::runtime_error("bug"); };
  auto connection = server.connect();
  CHECK(connection.request("POST", "/api/v1/tasks", server.client().authorization(), task).status == 500);
  CHECK(connection.request("GET", "/api/v1/tasks", server.client().authorization()).status == 200);
}
